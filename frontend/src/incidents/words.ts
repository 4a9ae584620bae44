/** Incidents in words: how long, who has one, who is told next, what happened, what was proved. */

import { hashOf as logsHash } from "../logs/hash";
import type { Happening, Incident, IncidentDetail, Message, Receiver } from "./api";

const SIZES: [number, string][] = [[86_400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** How long, in its two largest units: "2 h 5 min", "12 s". */
export function lasted(milliseconds: number): string {
  let left = Math.max(0, Math.floor(milliseconds / 1000));
  if (left < 1) return "less than 1 s";
  const parts: [number, string][] = [];
  for (const [size, unit] of SIZES) {
    parts.push([Math.floor(left / size), unit]);
    left %= size;
  }
  const first = parts.findIndex(([count]) => count > 0);
  return parts.slice(first, first + 2).filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`).join(" ");
}

/** How long it has been going on, or went on. */
export function duration(one: Incident, now: number): string {
  return lasted((one.resolved_at === null ? now : Date.parse(one.resolved_at)) - Date.parse(one.opened_at));
}

/** "23:51:07" of today, "11-21 23:51:07" of another day. */
export function moment(stamp: string, now: number): string {
  const today = new Date(now).toISOString().slice(0, 10);
  return stamp.slice(0, 10) === today ? stamp.slice(11, 19) : `${stamp.slice(5, 10)} ${stamp.slice(11, 19)}`;
}

/** "in 4 min 10 s", or that it is due. */
export function until(stamp: string, now: number): string {
  const left = Date.parse(stamp) - now;
  return left < 1000 ? "now" : `in ${lasted(left)}`;
}

const HELD: Record<string, string> = { mute: "the mute time", inhibited: "another alert speaks for it:", storm: "it is part of the storm" };

/** Why nobody is told: "S-7" as "silence S-7", "storm:I-7" as "it is part of the storm I-7". */
export function heldWords(held: string): string {
  if (/^S-\d+$/.test(held)) return `silence ${held}`;
  const [kind = "", ...name] = held.split(":");
  return HELD[kind] === undefined ? held : `${HELD[kind]} ${name.join(":")}`;
}

/** Who did it; whoever used a signed link is named as `link:ann`. */
export const person = (by: string): string => (by.startsWith("link:") ? `${by.slice(5)} (by a link)` : by);

/** Who has it, in a few words. */
export function holder(one: Incident): string {
  if (one.state === "resolved") return one.resolved_by ? `resolved by ${person(one.resolved_by)}` : "ended by itself";
  return one.state === "acknowledged" ? `${person(one.acknowledged_by)} has it` : "nobody has it";
}

/** "ann-phone (ann), ops-pager" */
export const named = (receivers: Receiver[]): string =>
  receivers.map(({ target, recipient }) => (recipient ? `${target} (${recipient})` : target)).join(", ");

/** Whom its next step tells. */
export function toldNext(one: Incident): string {
  return one.escalates_to?.length ? named(one.escalates_to) : `the next step of policy ${one.policy}`;
}

/** Whom it was sent to, and whether any of it has arrived there. */
export function knowing(one: IncidentDetail): { target: string; reached: boolean }[] {
  const reached = new Set(one.messages.filter(({ state }) => state === "delivered").map(({ target }) => target));
  // Of a long incident not all messages are told: what is not known to be late is taken as there.
  const sent = new Set(one.messages.map(({ target }) => target));
  return one.told.map((target) => ({ target, reached: reached.has(target) || !sent.has(target) }));
}

/** What comes next unless somebody acts. */
export function next(one: Incident, now: number): string {
  if (one.state === "resolved") return "";
  if (one.state === "acknowledged") return one.acknowledged_until ? `runs out ${until(one.acknowledged_until, now)}` : "until it is resolved";
  if (one.held) return `nobody is told: ${heldWords(one.held)}`;
  if (one.escalates_at) return `next: ${one.escalates_to?.length ? named(one.escalates_to) : "another step"} ${until(one.escalates_at, now)}`;
  return one.told.length ? "everybody was told" : "nobody was told";
}

const WHY: Record<string, string> = {
  opened: "it began",
  worsened: "it became worse",
  joined: "more alerts came",
  escalated: "it escalated",
  repeated: "it still went on",
  reopened: "it came again",
  unacknowledged: "nobody had it any more",
  acknowledged: "somebody took it",
  resolved: "it was over",
  storm: "it spoke for many",
  test: "a test",
};
export const whyWords = (why: string): string => WHY[why] ?? why;

const WHAT: Record<string, string> = {
  opened: "began",
  joined: "another alert",
  ended: "alert ended",
  worsened: "worse",
  told: "told",
  failed: "not reached",
  unacknowledged: "given back",
  held: "held",
  noted: "note",
  reopened: "came again",
};
export const whatWords = (what: string): string => WHAT[what] ?? what;

/** One line of the timeline: who it was by, and what to read. */
export interface Told {
  by: string;
  text: string;
  /** what the provider called the message */
  proof: string;
}

/** Nobody, but a rule of ours: the line says it already. */
const OWN = new Set(["escalation", "the clock", "its alerts", "storm guard", "flap damping"]);

/** Deliveries are stored short, as "opened (ann) [id]" or "opened: why not"; they are spelled out. */
export function lineWords({ what, by, text }: Happening): Told {
  if (what === "told" || what === "failed") {
    const [, why, person, proof, ending] = /^(\w+)(?: \(([^)]*)\))?(?: \[(.*)\])?(?:: (.*))?$/s.exec(text) ?? [];
    const said = why === undefined ? text : [whyWords(why), ending].filter(Boolean).join("; ");
    return { by: person ? `${by} (${person})` : by, text: said, proof: proof ?? "" };
  }
  // These are by an alert or by what holds it, whose names say nothing that the text does not.
  if (what === "held") return { by: "", text: text.replace(by, heldWords(by)), proof: "" };
  if (what === "ended" || what === "worsened") return { by: "", text, proof: "" };
  return { by: OWN.has(by) ? "" : person(by), text: stamped(text), proof: "" };
}

/** "Until 2026-11-22T23:51:07.120000Z" as people write it. */
function stamped(text: string): string {
  return text.replace(/(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z/g, "$1 $2 UTC");
}

/** What became of a message. */
export function outcome(one: Message, now: number): string {
  const tries = one.attempts === 1 ? "1 attempt" : `${one.attempts} attempts`;
  if (one.state === "delivered") {
    const after = Date.parse(one.settled_at ?? one.created_at) - Date.parse(one.created_at);
    const long = after < 1000 ? `${Math.max(0, after)} ms` : lasted(after);
    return one.attempts > 1 ? `after ${long}, at attempt ${one.attempts}` : `after ${long}`;
  }
  if (one.state === "dead") return `after ${tries}: ${one.last_error ?? "no reason"}`;
  if (!one.attempts) return "not tried yet";
  const again = one.next_attempt_at ? `, again ${until(one.next_attempt_at, now)}` : "";
  return `${tries}${again}${one.last_error ? `: ${one.last_error}` : ""}`;
}

/** The explorer's fragment of a search that the API names by its own path. */
export function logsOf(path: string): string {
  const said = new URL(path, "http://page").searchParams;
  const [query, earliest, latest] = [said.get("q") ?? "", said.get("earliest") ?? "", said.get("latest") ?? ""];
  return logsHash({ query, earliest, latest, view: "lines", live: false, line: 0 });
}

export const orderOf = (path: string): string => decodeURIComponent(path.slice(path.lastIndexOf("/") + 1));

interface Written {
  kind?: string;
  order?: { id?: string; side?: string; quantity?: string; pair?: string; type?: string; state?: string };
  rejection?: { reason?: string } | null;
  account?: string;
  event?: string;
}

/** What a ledger entry says, in one sentence; the entry's exact text stands below it. */
export function entryWords(entry: string): string {
  let said: Written;
  try {
    said = JSON.parse(entry) as Written;
  } catch {
    return "The entry is not JSON.";
  }
  const { order, rejection } = said;
  if (order?.id) {
    const size = (order.quantity ?? "").replace(/\.0+$/, "").replace(/\B(?=(\d{3})+$)/g, ",");
    const reason = rejection?.reason ? `: ${rejection.reason}` : "";
    return `Order ${order.id}, ${order.side} ${size} ${order.pair}, was ${(order.state ?? "").replaceAll("_", " ")}${reason}`;
  }
  return [said.kind ?? "entry", said.event, said.account].filter(Boolean).join(", ").replaceAll("_", " ");
}
