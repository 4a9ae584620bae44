/**
 * The browser as a small independent witness of the ledger.
 *
 * It pins the verifier key it saw first, checks the signature of every head it is told of, and
 * demands a consistency proof from the newest head that it has accepted before. What does not
 * hold raises an alarm that stays, and the remembered head is not moved.
 */

import { sentence, type Api, type Fill, type Order } from "./api";
import { pins } from "./pins";
import * as verify from "./verify";

/** `note` says something without weight: nothing was claimed, so nothing could fail. */
export type Verdict = "good" | "bad" | "unknown" | "note";

export interface Step {
  name: string;
  verdict: Verdict;
  detail: string;
}

export interface Report {
  title: string;
  verdict: Verdict;
  steps: Step[];
  /** the entry's exact text, where an entry was checked */
  entry?: string;
}

/** What the page shows of an order, to be held against its entry. */
export interface Shown {
  order: Order;
  fills: Fill[];
}

export interface Alarm {
  sentence: string;
  /** what an auditor would ask for: the notes or keys that contradict each other */
  evidence: string[];
}

/** While heads keep coming, how often they are compared with what was seen before. */
const COMPARISON_MILLISECONDS = 2000;

export class Witness {
  head = $state.raw<verify.Checkpoint | null>(null);
  note = $state("");
  receivedAt = $state(0);
  signature = $state.raw<Step>(step("Signature", "unknown", "waiting for the first checkpoint"));
  history = $state.raw<Step>(step("Append-only", "unknown", "waiting for the first checkpoint"));
  /** the pinned keys: one, or several of a ledger that changed its key */
  keys = $state.raw<verify.VerifierKey[]>([]);
  pinnedSince = $state("");
  /** the keys that the server names, where it names one that is not pinned */
  changedKey = $state("");
  /** whether the server names a pinned key beside the new one: it says that it changes its key */
  rotating = $state(false);
  alarm = $state.raw<Alarm | null>(null);
  error = $state("");

  private api: Api | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Comparisons one after another: each starts from what the one before has kept. */
  private queue: Promise<unknown> = Promise.resolve();

  /** Learn the server's key and hold it against the pinned one. */
  async open(api: Api): Promise<void> {
    this.close();
    this.api = api;
    this.error = "";
    try {
      const served = await verify.parseVerifierKeys(await api.text("/v1/ledger/vkey"));
      const pin = pins.key() ?? { vkey: lines(served), since: new Date().toISOString() };
      pins.keepKey(pin);
      this.keys = await verify.parseVerifierKeys(pin.vkey);
      this.pinnedSince = pin.since;
      const known = new Set(this.keys.map(({ line }) => line));
      this.changedKey = served.every(({ line }) => known.has(line)) ? "" : lines(served);
      this.rotating = served.some(({ line }) => known.has(line));
      await this.see(await api.text("/v1/ledger/checkpoint"));
    } catch (error) {
      this.error = sentence(error);
    }
  }

  /** Nobody is signed in: nothing more is fetched. */
  close(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.api = null;
  }

  /**
   * Take the server's present keys for the true ones.
   *
   * Where a known key is among them the ledger is still the same, and so is what was seen of it;
   * otherwise what the old key signed is forgotten.
   */
  async trustServerKey(): Promise<void> {
    if (this.rotating) {
      pins.keepKey({ vkey: this.changedKey, since: new Date().toISOString() });
    } else {
      pins.forget();
      this.alarm = null;
      this.head = null;
    }
    if (this.api) await this.open(this.api);
  }

  /** A head was announced: check its signature now, and its history when it is time. */
  async see(note: string): Promise<void> {
    if (note === this.note && this.signature.verdict === "good") return;
    const head = parse(note);
    if (typeof head === "string") {
      this.signature = step("Signature", "bad", head);
      this.raise(`The server's checkpoint cannot be read: ${head}.`, [note]);
      return;
    }
    const first = !this.head;
    this.head = head;
    this.note = note;
    this.receivedAt = Date.now();
    const signature = await this.checkSignature(head);
    if (this.note !== note) return; // a newer head came meanwhile
    this.signature = signature;
    if (signature.verdict === "bad" && !this.changedKey) {
      this.raise(`The ledger's checkpoint is not signed as it must be: ${signature.detail}.`, [note]);
    }
    if (first) this.history = await this.compare(note, true);
    else this.timer ??= setTimeout(() => void this.compareNewest(), COMPARISON_MILLISECONDS);
  }

  /** Nobody announces heads here: ask for the newest. */
  async look(): Promise<void> {
    try {
      if (this.api && this.keys.length) await this.see(await this.api.text("/v1/ledger/checkpoint"));
    } catch (error) {
      this.error = sentence(error);
    }
  }

  private async compareNewest(): Promise<void> {
    this.timer = undefined;
    this.history = await this.compare(this.note, true);
  }

  /** Fetch the newest head and check everything about it now. */
  async verifyHead(): Promise<Report> {
    const api = this.ready();
    const note = await api.text("/v1/ledger/checkpoint");
    await this.see(note);
    const head = parse(note);
    if (typeof head === "string") return report("Ledger head", [step("Checkpoint", "bad", head)]);
    this.history = await this.compare(note, true);
    return report(`Ledger head of ${head.size} entries`, [
      step("Root", "note", `the root of ${head.size} entries is ${verify.hex(head.root)}`),
      await this.checkSignature(head),
      ...this.witnesses(head),
      this.history,
    ]);
  }

  /** Fetch a receipt for any entry and check it. */
  async verifyEntry(position: number): Promise<Report> {
    const receipt = await this.ready().get<verify.Receipt>(`/v1/ledger/entries/${position}`);
    if (receipt.position !== position) {
      return report(`Entry ${position}`, [
        step("Position", "bad", `entry ${position} was asked for, ${receipt.position} was given`),
      ]);
    }
    return this.verifyReceipt(receipt);
  }

  /** Check what a person was given: a tlog-proof, a receipt, or the answer to an order. */
  async verifyText(text: string): Promise<Report> {
    try {
      const { receipt, answer } = verify.parseEvidence(text);
      return await this.check(receipt, answer ? (entry) => saysExactly(entry, answer) : undefined);
    } catch (error) {
      return report("A proof", [failed("Form", error)]);
    }
  }

  /** Check a receipt; with `shown`, also that its entry says what is shown of that order. */
  verifyReceipt(receipt: verify.Receipt, shown?: Shown): Promise<Report> {
    return this.check(receipt, shown ? (entry) => saysTheSame(entry, shown) : undefined);
  }

  private async check(
    receipt: verify.Receipt,
    content?: (entry: Uint8Array) => Step,
  ): Promise<Report> {
    const title = `Entry ${receipt.position}`;
    const steps: Step[] = [];
    let entry: Uint8Array<ArrayBuffer>;
    let head: verify.Checkpoint;
    try {
      entry = verify.decodeBase64(receipt.entry);
      const leaf = await verify.leafHash(entry);
      const claimed = receipt.leaf_hash === undefined || verify.hex(leaf) === receipt.leaf_hash;
      const hashed = `SHA-256(0x00 ‖ ${entry.length} bytes) = ${verify.hex(leaf)}`;
      steps.push(
        claimed
          ? step("Entry", "good", hashed)
          : step("Entry", "bad", `${hashed}, but the receipt says ${receipt.leaf_hash}`),
      );
      if (content) steps.push(content(entry));
      head = verify.parseCheckpoint(receipt.checkpoint);
      const root = await verify.inclusionRoot(receipt.position, head.size, leaf, receipt.inclusion);
      const path = `${receipt.inclusion.length} hashes lead from entry ${receipt.position} to the root`;
      steps.push(
        verify.equal(root, head.root)
          ? step("Inclusion", "good", `${path} of ${head.size} entries, ${verify.hex(root)}`)
          : step("Inclusion", "bad", `${path} ${verify.hex(root)}, but signed was ${verify.hex(head.root)}`),
      );
    } catch (error) {
      steps.push(failed("Inclusion", error));
      return report(title, steps);
    }
    const signature = await this.checkSignature(head);
    steps.push(signature, ...this.witnesses(head));
    steps.push(
      signature.verdict === "bad"
        ? step("Append-only", "unknown", "not compared: the checkpoint is not signed by the pinned key")
        : await this.compare(receipt.checkpoint, false),
    );
    return { ...report(title, steps), entry: new TextDecoder().decode(entry) };
  }

  private ready(): Api {
    if (!this.api) throw new Error("Sign in first.");
    return this.api;
  }

  private async checkSignature(head: verify.Checkpoint): Promise<Step> {
    if (!this.keys.length) return step("Signature", "unknown", "no verifier key is known yet");
    try {
      const signers = await verify.checkSignature(head, this.keys);
      const since = this.pinnedSince.slice(0, 10);
      const name = signers.map((key) => verify.names([key])).join(" and ");
      const known = signers.length > 1 ? "keys this browser knows" : "the key this browser knows";
      return step("Signature", "good", `Ed25519, valid by ${name}, ${known} since ${since}`);
    } catch (error) {
      return failed("Signature", error);
    }
  }

  /** Who else signed: witnesses, whose keys this browser does not have. */
  private witnesses(head: verify.Checkpoint): Step[] {
    const others = verify.strangers(head, this.keys);
    if (!others.length) return [];
    return [step("Witnesses", "note", `also signed by ${others.join(", ")}: not checked, this browser does not have their keys`)];
  }

  /**
   * Hold a signed note against the newest one this browser accepted; keep the newer of the two.
   *
   * A receipt may well be older than what was seen; the ledger's head (`isHead`) may not.
   */
  private compare(note: string, isHead: boolean): Promise<Step> {
    const result = this.queue.then(() => this.compareNow(note, isHead));
    this.queue = result;
    return result;
  }

  private async compareNow(note: string, isHead: boolean): Promise<Step> {
    const name = "Append-only";
    const seen = pins.seen();
    try {
      let now = verify.parseCheckpoint(note);
      const then = seen && verify.parseCheckpoint(seen.note);
      if (isHead && then && now.size < then.size) {
        // Another tab may have seen a newer head while this one was on its way: ask again.
        note = await this.ready().text("/v1/ledger/checkpoint");
        now = verify.parseCheckpoint(note);
      }
      if ((await this.checkSignature(now)).verdict === "bad") {
        return step(name, "unknown", "not compared: the checkpoint is not signed by the pinned key");
      }
      if (now.size === 0 && !verify.equal(now.root, await verify.emptyRoot())) {
        throw new verify.Refuted("the root of an empty ledger is wrong");
      }
      if (!seen || !then) {
        pins.keepSeen({ note, at: new Date().toISOString() });
        return step(name, "note", `first checkpoint seen by this browser (${now.size} entries); kept to compare later ones with`);
      }
      if (isHead && now.size < then.size) {
        throw new verify.Refuted(`it has gone back from ${then.size} entries to ${now.size}`);
      }
      const [older, newer] = now.size < then.size ? [now, then] : [then, now];
      await this.prove(older, newer);
      if (now.size > then.size) pins.keepSeen({ note, at: new Date().toISOString() });
      const since = `seen ${seen.at.slice(0, 19).replace("T", " ")} UTC`;
      if (now.size === then.size) return step(name, "good", `the same head of ${now.size} entries as ${since}`);
      return now.size > then.size
        ? step(name, "good", `${now.size} entries extend the ${then.size} entries ${since}`)
        : step(name, "good", `its ${now.size} entries are the beginning of the ${then.size} entries ${since}`);
    } catch (error) {
      if (error instanceof verify.Refuted) {
        this.raise(
          `The ledger does not continue what this browser has seen of it: ${error.message}.`,
          seen ? [seen.note, note] : [note],
        );
      }
      return failed(name, error);
    }
  }

  private async prove(older: verify.Checkpoint, newer: verify.Checkpoint): Promise<void> {
    if (older.size === 0) return; // nothing was claimed yet, so nothing can have been changed
    let proof: string[] = [];
    if (older.size < newer.size) {
      const query = `from=${older.size}&to=${newer.size}`;
      proof = (await this.ready().get<{ proof: string[] }>(`/v1/ledger/proof/consistency?${query}`)).proof;
    }
    await verify.checkConsistency(older.size, newer.size, older.root, newer.root, proof);
  }

  private raise(sentence: string, evidence: string[]): void {
    this.alarm ??= { sentence, evidence };
  }
}

function step(name: string, verdict: Verdict, detail: string): Step {
  return { name, verdict, detail };
}

function failed(name: string, error: unknown): Step {
  if (error instanceof verify.Refuted) return step(name, "bad", error.message);
  return step(name, "unknown", sentence(error));
}

function report(title: string, steps: Step[]): Report {
  const bad = steps.some((s) => s.verdict === "bad");
  const unknown = steps.some((s) => s.verdict === "unknown");
  return { title, steps, verdict: bad ? "bad" : unknown ? "unknown" : "good" };
}

function lines(keys: verify.VerifierKey[]): string {
  return keys.map(({ line }) => line).join("\n");
}

function parse(note: string): verify.Checkpoint | string {
  try {
    return verify.parseCheckpoint(note);
  } catch (error) {
    return sentence(error);
  }
}

const ORDER_FIELDS = [
  "id", "account", "client_order_id", "pair", "side", "quantity", "type", "time_in_force", "price",
  "filled", "stop_price", "distance", "trigger", "triggered", "expires_at", "price_bound",
  "position_fill", "parent", "oco", "linked", "replaces", "trade", "quote",
] as const;
const FILL_FIELDS = ["id", "price", "quantity", "amount", "value_date", "side"] as const;

/** A proof of some entry proves nothing about this order unless the entry speaks of it. */
function saysTheSame(entry: Uint8Array, { order, fills }: Shown): Step {
  const name = "Content";
  let written: { order?: Partial<Order>; fills?: Partial<Fill>[] };
  try {
    written = JSON.parse(new TextDecoder().decode(entry)) as typeof written;
  } catch {
    return step(name, "bad", "the entry is not JSON");
  }
  const { id, replaces } = written.order ?? {};
  if (order.state === "replaced" && replaces === order.id) {
    return step(name, "good", `the entry puts order ${id} in the place of order ${order.id}`);
  }
  const different: string[] = ORDER_FIELDS.filter((field) => written.order?.[field] !== order[field]);
  for (const fill of written.fills ?? []) {
    const shown = fills.find(({ id }) => id === fill.id);
    if (!FILL_FIELDS.every((field) => fill[field] === shown?.[field])) different.push(`fill ${fill.id}`);
  }
  if (!different.length) return step(name, "good", `the entry speaks of order ${order.id} and says what is shown here`);
  return step(name, "bad", `the entry and this page differ in ${different.join(", ")}`);
}

/**
 * An order's whole answer, as it was sent: every member is what the entry says, and nothing else.
 * Orders that came with it (`linked`) and the whole story of one are more than one entry can say.
 */
function saysExactly(entry: Uint8Array, { linked, ...answer }: Record<string, unknown>): Step {
  const name = "Content";
  if ("steps" in answer) {
    return step(name, "unknown", "this is an order's whole story, of several entries: only its receipt, the newest of them, can be checked here");
  }
  let written: Record<string, unknown>;
  try {
    written = { fills: [], rejection: null, ...(JSON.parse(new TextDecoder().decode(entry)) as object) };
  } catch {
    return step(name, "bad", "the entry is not JSON");
  }
  const said = new Set([...Object.keys(answer), "order", "fills", "rejection"]);
  const different = [...said].filter((member) => spelled(written[member]) !== spelled(answer[member]));
  const more = linked === undefined ? "" : "; what stands in linked has entries of its own, and is not checked";
  if (!different.length) return step(name, "good", `the answer's order, fills and rejection are what the entry says${more}`);
  return step(name, "bad", `the answer and its entry differ in ${different.join(", ")}`);
}

/** JSON with the members of each object in order, so that equal values are equal text. */
function spelled(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  ) ?? "nothing";
}
