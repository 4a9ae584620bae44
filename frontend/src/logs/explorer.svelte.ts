/** What the log explorer asks and shows: one question, several views of its answer. */

import { Problem, sentence, type Api, type LogLine } from "../api";
import type { Desk } from "../desk.svelte";
import {
  pathOf,
  type Bucket,
  type Diff,
  type Facets,
  type Histogram,
  type LogAnswer,
  type Patterns,
  type Question,
  type SkippedPart,
} from "./api";
import { FIRST, hashOf, shownBy, type View } from "./hash";
import { ALIASES, placeOf, termOf, withTerm, type Known } from "./language";
import { memberOf, membersOf, seqOf } from "./words";
import { Tail } from "./tail.svelte";

const PAGE_LINES = 200;
const TABLE_ROWS = 1_000;
/** More than this nobody reads on a screen; an export has them all. */
export const LINES_MAX = 20_000;
const BUCKETS = 90;
const PATTERNS = 100;

export class Explorer {
  /** as typed; what is shown is the answer to `asked` */
  query = $state(FIRST.query);
  asked = $state.raw<Question>(FIRST);
  view = $state<View>(FIRST.view);
  line = $state(0);

  lines = $state.raw<LogLine[]>([]);
  nextBefore = $state<string | null>(null);
  table = $state.raw<LogAnswer | null>(null);
  histogram = $state.raw<Histogram | null>(null);
  facets = $state.raw<Facets | null>(null);
  /** fields that somebody wants to see beside the interesting ones */
  wanted = $state.raw<string[]>([]);
  patterns = $state.raw<Patterns | null>(null);
  diff = $state.raw<Diff | null>(null);
  skipped = $state.raw<SkippedPart[]>([]);

  problem = $state("");
  problemAt = $state<number | null>(null);
  sideProblem = $state("");
  answered = $state(false);
  busy = $state(false);
  loadingMore = $state(false);
  tookMilliseconds = $state(0);
  zoomedFrom = $state.raw<Question[]>([]);

  readonly tail = new Tail((lines) => this.prepend(lines));
  private running: AbortController | null = null;
  private seen = new Set<number>();

  constructor(readonly desk: Desk) {}

  get hash(): string {
    return hashOf({ ...this.asked, view: this.view, live: this.tail.on, line: this.line });
  }

  /** Whether this token may read what was taken out of lines. */
  get unmasks(): boolean {
    return this.desk.scopes.includes("unmask");
  }

  /** Show what the address says, if it speaks of the explorer. */
  open(): void {
    const shown = shownBy(location.hash);
    if (!shown || (this.running && hashOf(shown) === this.hash)) return;
    this.view = shown.view;
    this.line = shown.line;
    this.query = shown.query;
    this.ask(shown, { remember: false, live: shown.live });
  }

  close(): void {
    this.running?.abort();
    this.running = null;
    this.tail.stop();
    this.answered = this.busy = false;
    this.lines = this.skipped = this.zoomedFrom = [];
    this.table = this.histogram = this.facets = this.patterns = this.diff = null;
    this.problem = this.sideProblem = "";
  }

  /** Run what is typed, over the range that is set. */
  run(): void {
    this.zoomedFrom = [];
    this.ask({ ...this.asked, query: this.query.trim() }, { live: this.tail.on });
  }

  setRange(earliest: string, latest: string): void {
    this.zoomedFrom = [];
    this.ask({ query: this.query.trim(), earliest, latest }, { live: this.tail.on && !latest });
  }

  /** Look at a stretch of what is shown, from and to in milliseconds. */
  zoom(from: number, to: number): void {
    this.zoomedFrom = [...this.zoomedFrom, this.asked];
    const [earliest, latest] = [new Date(from).toISOString(), new Date(to).toISOString()];
    this.ask({ query: this.asked.query, earliest, latest }, {});
  }

  zoomOut(): void {
    const before = this.zoomedFrom.at(-1);
    if (!before) return;
    this.zoomedFrom = this.zoomedFrom.slice(0, -1);
    this.ask({ ...before, query: this.asked.query }, {});
  }

  filter(field: string, value: string, not = false): void {
    this.add(termOf(field, value, not));
  }

  add(...terms: string[]): void {
    this.query = terms.reduce(withTerm, this.query);
    this.view = "lines";
    this.run();
  }

  show(view: View): void {
    if (view === this.view) return;
    this.view = view;
    if (view !== "lines") this.tail.stop();
    this.remember();
    if (!this.desk.api || !this.answered) return;
    const running = (this.running ??= new AbortController());
    void this.loadView(this.desk.api, running.signal);
  }

  toggleLive(): void {
    if (this.tail.on) {
      this.tail.stop();
      this.remember();
      return;
    }
    const fixed = /^\d/.test(this.asked.earliest) || this.asked.latest;
    const range = fixed ? { earliest: "-15m", latest: "" } : { earliest: this.asked.earliest, latest: "" };
    this.view = "lines";
    this.zoomedFrom = [];
    this.ask({ query: this.query.trim(), ...range }, { live: true });
  }

  showAround(line: number): void {
    this.line = line;
    this.remember();
  }

  /** The next page behind what is shown. */
  async more(): Promise<void> {
    const [api, before, running] = [this.desk.api, this.nextBefore, this.running];
    if (!api || !before || this.loadingMore || !running || this.lines.length >= LINES_MAX) return;
    this.loadingMore = true;
    try {
      const path = pathOf("/v1/logs", this.asked, { limit: String(PAGE_LINES * 2), before });
      const answer = await this.get<LogAnswer>(api, path, running.signal);
      if (running !== this.running) return;
      this.lines = [...this.lines, ...this.fresh(answer.logs)];
      this.nextBefore = answer.next_before;
    } catch (error) {
      if (!running.signal.aborted) this.sideProblem = sentence(error);
    } finally {
      this.loadingMore = false;
    }
  }

  async loadFacets(): Promise<void> {
    const [api, running] = [this.desk.api, this.running];
    if (api && running) await this.side(running.signal, () => this.askFacets(api, running.signal));
  }

  /** Ask again without a change of the address: after a restore, for example. */
  again(): void {
    this.ask(this.asked, { remember: false, live: this.tail.on });
  }

  private ask(question: Question, { remember = true, live = false }: { remember?: boolean; live?: boolean }): void {
    const api = this.desk.api;
    if (!api) return;
    this.running?.abort();
    const running = (this.running = new AbortController());
    this.asked = { query: question.query, earliest: question.earliest, latest: question.latest };
    this.tail.stop();
    this.tail.scrolled = false;
    this.busy = true;
    this.problem = this.sideProblem = "";
    this.problemAt = null;
    if (live && this.view === "lines") {
      this.lines = [];
      this.seen.clear();
      this.tail.start(api, this.asked.query, () => void this.load(api, running));
    } else void this.load(api, running);
    if (remember) this.remember();
  }

  private remember(): void {
    if (location.hash !== this.hash && shownBy(location.hash)) history.pushState(null, "", this.hash);
  }

  private async load(api: Api, running: AbortController): Promise<void> {
    const signal = running.signal;
    if (signal.aborted) return;
    const began = performance.now();
    const sides = this.view === "lines" ? [] : [this.side(signal, () => this.loadView(api, signal))];
    sides.push(this.side(signal, () => this.askHistogram(api, signal)));
    try {
      await this.askLines(api, signal);
      if (signal.aborted) return;
      this.tookMilliseconds = performance.now() - began;
    } catch (error) {
      if (signal.aborted) return;
      this.fail(error);
    }
    this.busy = false;
    this.answered = true;
    if (!this.problem) sides.push(this.side(signal, () => this.askFacets(api, signal)));
    await Promise.all(sides);
  }

  /** What is shown stays while a query is mended. */
  private fail(error: unknown): void {
    this.problem = sentence(error);
    this.sideProblem = "";
    const ofRange = error instanceof Problem && (error.field === "earliest" || error.field === "latest");
    this.problemAt = ofRange ? null : placeOf(this.problem, this.asked.query);
    this.tail.stop();
  }

  private async askLines(api: Api, signal: AbortSignal): Promise<void> {
    const limit = this.asked.query.includes("|") ? TABLE_ROWS : PAGE_LINES;
    const path = pathOf("/v1/logs", this.asked, { limit: String(limit) });
    const answer = await this.get<LogAnswer>(api, path, signal);
    if (signal.aborted) return;
    this.skipped = answer.skipped ?? [];
    this.table = answer.fields ? answer : null;
    // What the tail brought meanwhile is newer, and may be in the page too.
    const brought = this.tail.on ? this.lines : [];
    this.seen = new Set(brought.map(seqOf));
    this.lines = [...brought, ...this.fresh(answer.logs)];
    this.nextBefore = answer.next_before;
  }

  private async askHistogram(api: Api, signal: AbortSignal): Promise<void> {
    const path = pathOf("/v1/logs/histogram", this.asked, { buckets: String(BUCKETS) });
    const histogram = await this.get<Histogram>(api, path, signal);
    if (!signal.aborted) this.histogram = histogram;
  }

  private async askFacets(api: Api, signal: AbortSignal): Promise<void> {
    const asked = [this.get<Facets>(api, pathOf("/v1/logs/facets", this.asked), signal)];
    if (this.wanted.length) {
      asked.push(this.get<Facets>(api, pathOf("/v1/logs/facets", this.asked, { field: this.wanted.join(",") }), signal));
    }
    const [usual, wanted] = await Promise.all(asked);
    if (signal.aborted || !usual) return;
    const first = wanted?.facets ?? [];
    const names = new Set(first.map(({ field }) => field));
    this.facets = { total: usual.total, facets: [...first, ...usual.facets.filter(({ field }) => !names.has(field))] };
  }

  private async loadView(api: Api, signal: AbortSignal): Promise<void> {
    if (this.view === "patterns") {
      const path = pathOf("/v1/logs/patterns", this.asked, { limit: String(PATTERNS) });
      this.patterns = null;
      const patterns = await this.get<Patterns>(api, path, signal);
      if (!signal.aborted) this.patterns = patterns;
    }
    if (this.view === "changes") {
      const path = pathOf("/v1/logs/diff", this.asked, { limit: String(PATTERNS) });
      this.diff = null;
      const diff = await this.get<Diff>(api, path, signal);
      if (!signal.aborted) this.diff = diff;
    }
  }

  /** Work whose failure leaves the rest standing. */
  private async side(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!signal.aborted && !this.problem) this.sideProblem = sentence(error);
    }
  }

  private async get<T>(api: Api, path: string, signal: AbortSignal): Promise<T> {
    return (await (await api.fetch(path, { signal })).json()) as T;
  }

  private fresh(lines: LogLine[]): LogLine[] {
    return lines.filter((line) => {
      const seq = seqOf(line);
      if (this.seen.has(seq)) return false;
      this.seen.add(seq);
      return true;
    });
  }

  private prepend(lines: LogLine[]): void {
    const fresh = this.fresh(lines);
    if (!fresh.length) return;
    this.lines = [...fresh, ...this.lines];
    if (this.lines.length > LINES_MAX) {
      for (const line of this.lines.slice(LINES_MAX)) this.seen.delete(seqOf(line));
      this.lines = this.lines.slice(0, LINES_MAX);
      this.nextBefore = null;
    }
    if (this.histogram) this.histogram = grown(this.histogram, fresh);
  }
}

/** The histogram with lines that came since it was asked for; it moves on with the time. */
function grown(histogram: Histogram, lines: LogLine[]): Histogram {
  const length = histogram.bucket_seconds * 1000;
  const buckets = histogram.buckets.map((bucket) => ({ ...bucket, by: { ...bucket.by } }));
  const first = buckets[0];
  if (!first) return histogram;
  const begin = Date.parse(first.at);
  for (const line of lines) {
    const number = Math.floor((Date.parse(memberOf(line, "timestamp")) - begin) / length);
    if (!(number >= 0 && number < buckets.length + 10_000)) continue;
    for (let next = buckets.length; next <= number; next += 1) {
      buckets.push({ at: new Date(begin + next * length).toISOString(), count: 0, by: {} });
    }
    const bucket = buckets[number] as Bucket;
    const severity = memberOf(line, "severity_text") || "NONE";
    bucket.count += 1;
    bucket.by[severity] = (bucket.by[severity] ?? 0) + 1;
  }
  const shown = buckets.slice(-histogram.buckets.length);
  return { ...histogram, total: shown.reduce((sum, { count }) => sum + count, 0), buckets: shown };
}

/** Fields and values that an explorer has seen, for the hints of its search box. */
export function knownBy(explorer: Explorer): Known {
  const seen = new Map<string, Set<string>>();
  for (const { field, values } of explorer.facets?.facets ?? []) seen.set(field, new Set(values.map(({ value }) => value)));
  for (const line of explorer.lines.slice(0, 50)) {
    for (const [name] of membersOf(line)) if (!seen.has(name)) seen.set(name, new Set());
  }
  return {
    fields: [...seen.keys()].filter((name) => !name.startsWith("redactions.") && name !== "log.sealed").sort(),
    values: (field) => [...(seen.get(field) ?? seen.get(ALIASES[field] ?? "") ?? [])],
  };
}
