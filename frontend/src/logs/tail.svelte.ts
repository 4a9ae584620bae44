/** The live tail of a query: new lines as they come, held back while somebody reads. */

import { Problem, sentence, type Api, type LogLine } from "../api";
import { follow } from "../live";
import { pathOf } from "./api";

/** Lines that are held back; older ones of them are let go and can be searched. */
const WAITING_LINES_MAX = 5_000;
const WAIT_SECONDS_MAX = 15;

export class Tail {
  on = $state(false);
  connected = $state(false);
  /** what keeps lines back: the button, or a list that was scrolled away from its top */
  paused = $state(false);
  scrolled = $state(false);
  waiting = $state(0);
  /** lines that were not told, because they came too fast */
  missed = $state(0);
  problem = $state("");

  private stopped: AbortController | null = null;
  private held: LogLine[] = [];
  private frame = 0;

  /** `show` takes new lines, newest first. */
  constructor(private readonly show: (lines: LogLine[]) => void) {}

  get holds(): boolean {
    return this.paused || this.scrolled;
  }

  /** Follow a query until `stop`; `first` is awaited once the server counts from here on. */
  start(api: Api, query: string, first: () => void): void {
    this.stop();
    this.on = true;
    const stopped = (this.stopped = new AbortController());
    void this.run(api, query, stopped.signal, first);
  }

  stop(): void {
    this.stopped?.abort();
    this.stopped = null;
    this.on = this.connected = this.paused = false;
    this.held = [];
    this.waiting = this.missed = 0;
    this.problem = "";
  }

  pause(): void {
    if (this.on) this.paused = true;
  }

  /** Show what waits, and whatever comes. */
  resume(): void {
    this.paused = this.scrolled = false;
    this.flush();
  }

  private async run(api: Api, query: string, stopped: AbortSignal, first: () => void): Promise<void> {
    const path = pathOf("/v1/logs/tail", { query, earliest: "", latest: "" });
    let last = "";
    let failures = 0;
    while (!stopped.aborted) {
      try {
        await follow(api, path, stopped, {
          headers: last ? { "Last-Event-ID": last } : {},
          id: (id) => (last = id),
          connected: () => {
            this.connected = true;
            this.problem = "";
            if (!failures && !last) first();
            failures = 0;
          },
          event: (name, data) => {
            if (stopped.aborted) return;
            if (name === "line") this.take(data as LogLine);
            if (name === "missed") this.missed += (data as { lines: number }).lines;
          },
        });
      } catch (error) {
        if (stopped.aborted) return;
        this.problem = error instanceof Problem ? sentence(error) : "The live tail was interrupted; it is tried again.";
        if (error instanceof Problem && [400, 401, 403, 422].includes(error.status)) {
          if (!last) first();
          this.on = false;
          return;
        }
      }
      this.connected = false;
      failures += 1;
      const wait = Math.min(WAIT_SECONDS_MAX, 0.5 * 2 ** failures);
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }

  private take(line: LogLine): void {
    this.held.push(line);
    if (this.held.length > WAITING_LINES_MAX) this.held.splice(0, this.held.length - WAITING_LINES_MAX);
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      if (this.holds) this.waiting = this.held.length;
      else this.flush();
    });
  }

  private flush(): void {
    const lines = this.held.reverse();
    this.held = [];
    this.waiting = 0;
    if (lines.length) this.show(lines);
  }
}
