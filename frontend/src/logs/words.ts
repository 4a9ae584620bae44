/** Log lines, ranges and counts in words. */

import type { LogLine } from "../api";
import { ALIASES } from "./language";

/** Shown in columns of their own, or told otherwise. */
const HEAD_FIELDS = new Set([
  "timestamp", "severity_text", "severity_number", "event_name", "log.seq", "log.sealed", "redactions",
]);

export const RANGES: { earliest: string; words: string }[] = [
  { earliest: "-15m", words: "Last 15 minutes" },
  { earliest: "-1h", words: "Last hour" },
  { earliest: "-24h", words: "Last 24 hours" },
  { earliest: "-7d", words: "Last 7 days" },
  { earliest: "-30d", words: "Last 30 days" },
  { earliest: "", words: "All time" },
];

const UNITS: Record<string, string> = { s: "second", m: "minute", h: "hour", d: "day", w: "week" };

/** A range as people say it. */
export function rangeWords(earliest: string, latest: string): string {
  const known = latest === "" || latest === "now" ? RANGES.find((one) => one.earliest === earliest) : undefined;
  if (known) return known.words;
  if (!latest || latest === "now") {
    const [, number, unit] = /^-(\d+)([smhdw])$/.exec(earliest) ?? [];
    return number && unit ? `Last ${plural(Number(number), UNITS[unit] ?? unit)}` : `From ${momentWords(earliest)}`;
  }
  const [from, to] = [momentWords(earliest || "the beginning"), momentWords(latest)];
  return from.slice(0, 10) === to.slice(0, 10) && to.length > 10 ? `${from} – ${to.slice(11)}` : `${from} – ${to}`;
}

/** RFC 3339 as "2026-11-22 04:30:00"; other words as they are. */
export function momentWords(text: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/.exec(text);
  if (!match) return text;
  const fraction = (match[3] ?? "").replace(/\.?0+$/, "");
  return `${match[1]} ${match[2]}${fraction}`;
}

/** A length of time: "1 min", "30 s", "2 h". */
export function lengthWords(seconds: number): string {
  for (const [unit, word] of [[86_400, "d"], [3600, "h"], [60, "min"]] as const) {
    if (seconds >= unit && seconds % unit === 0) return `${seconds / unit} ${word}`;
  }
  return seconds >= 1 ? `${Number(seconds.toFixed(3))} s` : `${Number((seconds * 1000).toFixed(3))} ms`;
}

export function count(number: number): string {
  return number.toLocaleString("en-US");
}

export function plural(number: number, word: string): string {
  return `${count(number)} ${word}${number === 1 ? "" : "s"}`;
}

/** A share: "12.5 %", "< 0.1 %". */
export function percent(share: number): string {
  if (share > 0 && share < 0.1) return "< 0.1 %";
  return `${share >= 10 || Number.isInteger(share) ? share.toFixed(0) : share.toFixed(1)} %`;
}

/** The family that a severity's colour is of. */
export function severityOf(text: string): "fatal" | "error" | "warn" | "info" | "debug" | "none" {
  const word = text.toUpperCase();
  if (/^(FATAL|CRIT|EMERG|ALERT|PANIC)/.test(word)) return "fatal";
  if (/^ERR/.test(word)) return "error";
  if (/^WARN/.test(word)) return "warn";
  if (/^(INFO|NOTICE)/.test(word)) return "info";
  return /^(DEBUG|TRACE)/.test(word) ? "debug" : "none";
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

export const seqOf = (line: LogLine): number => Number(line["log.seq"]);
export const memberOf = (line: LogLine, name: string): string => (line[name] == null ? "" : textOf(line[name]));

/** Every member, nested ones under dotted names, in the line's order. */
export function membersOf(line: LogLine, prefix = ""): [string, unknown][] {
  return Object.entries(line).flatMap(([name, value]): [string, unknown][] => {
    if (value === null || value === undefined) return [];
    if (typeof value === "object" && !Array.isArray(value)) return membersOf(value as LogLine, `${prefix}${name}.`);
    return [[prefix + name, value]];
  });
}

/** Where a line came from says less than what it says: these stand last in a row. */
const LAST = new Set([
  "host.name", "service.name", "com.splunk.index", "com.splunk.source", "com.splunk.sourcetype", "url.path",
  "trace_id", "span_id", "trace_flags", "log.record.uid", "observed_timestamp",
]);
/** Long names as rows show them: the query language knows both. */
const SHORT: Record<string, string> = Object.fromEntries(Object.entries(ALIASES).map(([short, name]) => [name, short]));
export const shortName = (name: string): string => SHORT[name] ?? name;

/** What stands behind the event and the message in a row. */
export function restOf(line: LogLine): [string, string][] {
  const rest = membersOf(line).filter(([name, value]) => {
    const head = HEAD_FIELDS.has(name) || name.startsWith("redactions.");
    return !head && value !== "" && name !== "body" && !(name === "service.name" && value === "tallystick");
  });
  const ordered = [...rest.filter(([name]) => !LAST.has(name)), ...rest.filter(([name]) => LAST.has(name))];
  return ordered.map(([name, value]) => [name, textOf(value)]);
}

/** What was taken out of a line before it was kept: "PAN", "EMAIL ×2". */
export function maskedOf(line: LogLine): string[] {
  const kinds = line["redactions"];
  if (!kinds || typeof kinds !== "object") return [];
  return Object.entries(kinds as Record<string, unknown>).map(([kind, times]) => (times === 1 ? kind : `${kind} ×${String(times)}`));
}

/** A field of a line as its JSON pointer names it: "/http~1x/y" is "http/x.y". */
export function fieldOfPointer(pointer: string): string {
  return pointer.slice(1).split("/").map((part) => part.replace(/~1/g, "/").replace(/~0/g, "~")).join(".");
}
