/** The log search of the API: its shapes, and how a question is put. */

import type { LogLine } from "../api";

/** What is asked: a query of the server's language, and its range in the server's words. */
export interface Question {
  query: string;
  /** "-1h", "-1d@d", RFC 3339; empty: no bound */
  earliest: string;
  latest: string;
}

export type Cell = string | number | boolean | string[] | null;

/** Archived lines that a search left out because they first have to be restored. */
export interface SkippedPart {
  path: string;
  index: string;
  state: string;
  earliest: string;
  latest: string;
  events: number;
}

/** Lines, newest first, or a table. */
export interface LogAnswer {
  logs: LogLine[];
  next_before: string | null;
  fields?: string[];
  rows?: Cell[][];
  charted?: boolean;
  more?: boolean;
  skipped?: SkippedPart[];
}

export interface Bucket {
  at: string;
  count: number;
  by: Record<string, number>;
}

export interface Histogram {
  earliest: string;
  latest: string;
  bucket_seconds: number;
  total: number;
  buckets: Bucket[];
  skipped?: SkippedPart[];
}

export interface Facet {
  field: string;
  count: number;
  coverage: number;
  distinct: number;
  values: { value: string; count: number; percent: number }[];
}

export interface Facets {
  total: number;
  facets: Facet[];
}

export interface Pattern {
  pattern: string;
  count: number;
  percent: number;
  first_at: string;
  last_at: string;
  example: LogLine;
  sparkline: number[];
}

export interface Patterns {
  total: number;
  distinct: number;
  patterns: Pattern[];
}

export interface Diff {
  earliest: string;
  previous_earliest: string;
  total: number;
  total_before: number;
  differences: { value: string; count: number; before: number; change: string; ratio: number | null }[];
}

export interface Around {
  logs: LogLine[];
  at: number;
}

export interface SavedSearch {
  name: string;
  query: string;
  description: string;
  earliest: string | null;
  latest: string | null;
  author: string;
}

/** What stood at some fields of a line, by JSON pointer, and the ledger entry that says it was read. */
export interface Unmasked {
  fields: Record<string, unknown>;
  position: number;
}

export interface Restore {
  id: string;
  state: "asked" | "running" | "readable" | "expired" | "failed";
  parts: number;
  parts_readable: number;
  eta: string;
}

/** A path with the question, and what else is asked, behind it. */
export function pathOf(path: string, question: Question, more: Record<string, string> = {}): string {
  const asked = new URLSearchParams(more);
  if (question.query) asked.set("q", question.query);
  if (question.earliest) asked.set("earliest", question.earliest);
  if (question.latest) asked.set("latest", question.latest);
  return `${path}?${asked.toString()}`;
}
