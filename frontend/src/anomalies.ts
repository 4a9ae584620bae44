/** What the detectors find, as the API tells it and as the page says it. */

export interface Contribution {
  feature: string;
  unit: string;
  came: number;
  expected_low: number;
  expected_high: number;
  surprise: number;
  share?: number;
}

export type Verdict = "confirmed" | "dismissed";

export interface Anomaly {
  id: string;
  detector: string;
  family?: "market_abuse" | "fraud" | "operations";
  entity?: string;
  account: string | null;
  pair: string | null;
  route?: string | null;
  at: string;
  /** the estimated share of ordinary cases that are at least as odd */
  p_value?: number;
  expected: string | number | null;
  came: string | number | null;
  sentence: string;
  contributions?: Contribution[];
  /** the ordinary case that is nearest to this one */
  nearest?: { at: string; text: string; position: number | null } | null;
  position: number | null;
  order_id: string | null;
  model?: string;
  /** why nobody was alerted */
  held?: string | null;
  verdict?: Verdict | null;
}

export interface Explained extends Anomaly {
  evidence: { position: number; entry: string; receipt: string }[];
  verdicts: { position: number; at: string; verdict: Verdict; reason: string; by: string; scope: string; until: string | null }[];
  similar: { id: string; at: string; entity: string; surprise: number; sentence: string; verdict: Verdict | null; reason: string | null }[];
}

const FAMILIES = { market_abuse: "market abuse", fraud: "fraud", operations: "operations" };

export const familyWord = (one: Anomaly): string => (one.family ? FAMILIES[one.family] : "");
export const words = (name: string): string => name.replaceAll("_", " ");

const SIZES: [number, string][] = [[1e12, "trillion"], [1e9, "billion"], [1e6, "million"]];

/** `once in 3 million`: how often an ordinary case would be this odd. */
export function onceIn(p: number): string {
  if (!(p > 0)) return "less than once in a trillion";
  const often = (1 / p) * (1 + 1e-9); // 1 / 1e-9 is a little less than a billion
  const [size, unit] = SIZES.find(([size]) => often >= size) ?? [1, ""];
  const count = size === 1 ? Math.round(often).toLocaleString("en-US") : (often / size).toPrecision(2).replace(/\.0$/, "");
  return `once in ${Number(count.replaceAll(",", "")).toLocaleString("en-US")} ${unit}`.trim();
}

/** A number of a feature, short, with its unit. */
export function figure(value: number, unit: string): string {
  const size = Math.abs(value);
  const text = size >= 100 ? Math.round(value).toLocaleString("en-US") : Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 6 });
  return unit ? `${text} ${unit}` : text;
}
