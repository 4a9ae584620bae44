/**
 * The query language as far as a search box needs it: what may be typed next, where an error is,
 * and how a value becomes a term. The server alone says what a query means.
 */

/** Commands, each with how it is written. Other names of the same commands are left out. */
export const COMMANDS: Record<string, string> = {
  bin: "bin _time span=5m",
  chart: "chart avg(duration_us) OVER route BY method",
  dedup: "dedup 2 host, route",
  eval: "eval ms = duration_us / 1000",
  eventstats: "eventstats avg(duration_us) AS usual BY route",
  extract: "extract field=body",
  fields: "fields - trace_id span_id",
  fillnull: "fillnull value=0 a b",
  head: "head 20",
  lookup: "lookup accounts account_id AS user OUTPUT name",
  makemv: 'makemv delim="," tags',
  mvexpand: "mvexpand tags",
  parse: 'parse body "user=*, took *" AS user, took',
  patterns: "patterns",
  rare: "rare limit=5 route",
  regex: 'regex field="expression"',
  rename: "rename a AS b",
  reverse: "reverse",
  rex: 'rex field=body "user=(?<user>\\w+)"',
  search: "search status>=500",
  sort: "sort -count",
  spath: "spath input=body path=a.b",
  stats: "stats count, p99(duration_us) BY route",
  streamstats: "streamstats window=5 sum(x) BY host",
  table: "table _time, route, status",
  tail: "tail 20",
  timechart: "timechart span=5m count BY route",
  top: "top 5 route",
  transaction: "transaction order.id maxpause=30s",
  where: "where duration_us > 1000",
};
const AGGREGATES: Record<string, string> = {
  count: "how many lines",
  "avg(": "the mean",
  "dc(": "how many different values",
  "earliest(": "the oldest value",
  "latest(": "the newest value",
  "list(": "all values",
  "max(": "the largest",
  "median(": "half are smaller",
  "min(": "the smallest",
  "mode(": "the most frequent value",
  "p50(": "half are smaller",
  "p95(": "95 % are smaller",
  "p99(": "99 % are smaller",
  "range(": "largest less smallest",
  "rate(": "per second",
  "stdev(": "standard deviation",
  "sum(": "the sum",
  "values(": "the different values",
};
/** Names that everybody types, and the field that each stands for. */
export const ALIASES: Record<string, string> = {
  host: "host.name",
  index: "com.splunk.index",
  message: "body",
  method: "http.request.method",
  path: "url.path",
  route: "http.route",
  service: "service.name",
  severity: "severity_text",
  source: "com.splunk.source",
  sourcetype: "com.splunk.sourcetype",
  status: "http.response.status_code",
  trace: "trace_id",
  user: "user.id",
};
const COUNTING = new Set(["stats", "timechart", "chart", "eventstats", "streamstats", "tstats"]);
const SEARCHING = new Set(["search", "where"]);
const HINTS_MAX = 8;

export const EXAMPLES: { query: string; words: string }[] = [
  { query: "severity=ERROR", words: "errors only" },
  { query: "status>=500 NOT route=/v1/health", words: "a range, and what to leave out" },
  { query: '"connection refused"', words: "words, wherever they stand" },
  { query: "* | stats count, p99(duration_us) BY route", words: "a table" },
  { query: "* | timechart span=1m count BY severity", words: "a chart" },
];

export interface Hint {
  /** what stands in the query when it is taken */
  text: string;
  words: string;
}

export interface Hints {
  /** where in the query the hint begins */
  from: number;
  hints: Hint[];
}

/** What the explorer has seen: fields, and their values where it knows them. */
export interface Known {
  fields: string[];
  values: (field: string) => string[];
}

/** What may be meant at the caret; no hints within quotes, and none where nothing is known. */
export function hintsAt(text: string, caret: number, known: Known): Hints | null {
  const before = text.slice(0, caret);
  const stages = stagesOf(before);
  if (stages === null) return null; // within quotes
  const stage = stages.at(-1) ?? "";
  const word = /[^\s(),|]*$/.exec(stage)?.[0] ?? "";
  const from = caret - word.length;
  if (stages.length > 1 && /^\s*\w*$/.test(stage)) return choice(from, word, commandHints(), true);
  const command = stages.length === 1 ? "search" : (/^\s*(\w+)/.exec(stage)?.[1]?.toLowerCase() ?? "");
  const compared = /^"?([\w.@/~-]+)"?\s*(?:!=|<=|>=|==?|:)(.*)$/.exec(word);
  if (compared && SEARCHING.has(command)) {
    const value = compared[2] ?? "";
    const hints = known.values(compared[1] ?? "").map((one) => ({ text: quotedIfNeeded(one), words: "" }));
    return choice(caret - value.length, value, hints, true);
  }
  if (!word) return null;
  const fields = fieldHints(known.fields);
  const byFields = !COUNTING.has(command) || /\b(by|over)\s+[^|]*$/i.test(stage) || /\([^()]*$/.test(stage);
  if (byFields) return choice(from, word, fields);
  return choice(from, word, Object.entries(AGGREGATES).map(([name, words]) => ({ text: name, words })));
}

function choice(from: number, typed: string, hints: Hint[], all = false): Hints | null {
  const wanted = typed.toLowerCase();
  const begins = hints.filter(({ text }) => text.toLowerCase().startsWith(wanted));
  const holds = wanted.length > 1 ? hints.filter(({ text }) => text.toLowerCase().indexOf(wanted) > 0) : [];
  const found = [...begins, ...holds].filter(({ text }) => text !== typed).slice(0, HINTS_MAX);
  return found.length && (typed || all) ? { from, hints: found } : null;
}

/** Commands, and what may stand behind each. */
function commandHints(): Hint[] {
  return Object.entries(COMMANDS).map(([text, usage]) => ({ text, words: usage.slice(text.length + 1) }));
}

function fieldHints(fields: string[]): Hint[] {
  const named = Object.entries(ALIASES).map(([text, words]) => ({ text, words }));
  return [...new Set(fields)].map((text) => ({ text, words: "" })).concat(named.filter(({ text }) => !fields.includes(text)));
}

/** The query at its pipes; null where its end is within quotes. */
function stagesOf(query: string): string[] | null {
  const stages = [""];
  let quoted = false;
  for (let at = 0; at < query.length; at += 1) {
    const sign = query[at] ?? "";
    if (sign === "\\") {
      stages[stages.length - 1] += sign + (query[at + 1] ?? "");
      at += 1;
    } else if (sign === "|" && !quoted) stages.push("");
    else {
      if (sign === '"') quoted = !quoted;
      stages[stages.length - 1] += sign;
    }
  }
  return quoted ? null : stages;
}

/** The search in front of the first pipe, and what stands behind it, with its pipe. */
export function split(query: string): { search: string; commands: string } {
  const stages = stagesOf(query);
  const length = (stages?.[0] ?? query).length;
  return { search: query.slice(0, length).trim(), commands: query.slice(length) };
}

/** A value as the query language takes it, whole and literally. */
export function quotedIfNeeded(value: string): string {
  return /^[\w./:@+-]+$/.test(value) && !/^(and|or|not)$/i.test(value) ? value : `"${value.replace(/[\\"*]/g, "\\$&")}"`;
}

/** The term that a field has this value, or that it has not. */
export function termOf(field: string, value: string, not = false): string {
  const name = /^[A-Za-z_@][\w.@/~-]*$/.test(field) ? field : `"${field.replace(/[\\"]/g, "\\$&")}"`;
  return `${not ? "NOT " : ""}${name}=${quotedIfNeeded(value)}`;
}

/** The query with one more term in its search; commands behind it stay. */
export function withTerm(query: string, term: string): string {
  const { search, commands } = split(query);
  const terms = search === "*" ? "" : search;
  if (holds(terms, term)) return query;
  const whole = / OR /.test(terms) && !/^\([^()]*\)$/.test(terms) ? `(${terms})` : terms;
  return [whole, term, commands.trim()].filter(Boolean).join(" ");
}

function holds(terms: string, term: string): boolean {
  return ` ${terms} `.includes(` ${term} `) && (term.startsWith("NOT ") || !` ${terms} `.includes(` NOT ${term} `));
}

/** Free text that finds messages of a pattern, in which `<*>` stands for what differs. */
export function termOfPattern(pattern: string): string {
  const pieces = pattern.split("<*>").map((piece) => piece.replace(/[\\"*]/g, "\\$&"));
  return `"${pieces.join("*")}"`;
}

/** Where in the query the server's sentence points, as an index of its text; null: nowhere. */
export function placeOf(problem: string, query: string): number | null {
  const position = /position (\d+)/.exec(problem)?.[1];
  if (!position) return null;
  const signs = [...query]; // the server counts characters, a browser counts UTF-16 units
  return signs.slice(0, Math.min(Number(position) - 1, signs.length)).join("").length;
}
