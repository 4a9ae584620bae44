/** The explorer's state in the address, so that a link shows another person the same. The token never is. */

import type { Question } from "./api";

export type View = "lines" | "patterns" | "changes";

export interface Shown extends Question {
  view: View;
  live: boolean;
  /** the number of a line whose surroundings are shown; 0: none */
  line: number;
}

export const FIRST: Shown = { query: "", earliest: "-1h", latest: "", view: "lines", live: false, line: 0 };

/** The fragment that stands for this state. */
export function hashOf(shown: Shown): string {
  const said = new URLSearchParams({ view: "logs" });
  if (shown.query) said.set("q", shown.query);
  if (shown.earliest) said.set("earliest", shown.earliest);
  else said.set("earliest", "all");
  if (shown.latest) said.set("latest", shown.latest);
  if (shown.view !== "lines") said.set("show", shown.view);
  if (shown.live) said.set("live", "1");
  if (shown.line) said.set("line", String(shown.line));
  return `#${said.toString()}`;
}

/** The state that a fragment stands for; null where it is not the explorer's. */
export function shownBy(hash: string): Shown | null {
  const said = new URLSearchParams(hash.slice(1));
  if (said.get("view") !== "logs") return null;
  const earliest = said.get("earliest") ?? FIRST.earliest;
  const show = said.get("show");
  const line = Number(said.get("line") ?? 0);
  return {
    query: said.get("q") ?? "",
    earliest: earliest === "all" ? "" : earliest,
    latest: said.get("latest") ?? "",
    view: show === "patterns" || show === "changes" ? show : "lines",
    live: said.get("live") === "1",
    line: Number.isSafeInteger(line) && line > 0 ? line : 0,
  };
}
