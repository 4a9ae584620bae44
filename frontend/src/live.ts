/**
 * The live stream: server-sent events read through fetch, so that the token travels in a header
 * and never in an address.
 */

import { Problem, type Api } from "./api";

/** `asking`: this server has no stream, and is asked every few seconds. */
export type Phase = "connecting" | "live" | "asking" | "reconnecting";

export interface LiveHandlers {
  /** `waitSeconds` is set while waiting to try again, and `reason` says why. */
  phase(phase: Phase, waitSeconds?: number, reason?: string): void;
  event(name: string, data: unknown): void;
}

/** The server says something at least every 5 s; this long a silence is a dead connection. */
const SILENCE_MILLISECONDS_MAX = 15_000;
const WAIT_SECONDS_MAX = 15;

export class Live {
  private stopped = new AbortController();
  /** Said by a server whose stream is its first word alone. */
  private everySeconds = 0;

  constructor(
    private readonly api: Api,
    private readonly handlers: LiveHandlers,
  ) {}

  /** Follow until `stop`; comes back by itself after every loss. */
  async run(): Promise<void> {
    let failures = 0;
    this.handlers.phase("connecting");
    while (!this.stopped.signal.aborted) {
      let reason = "The connection ended.";
      let ended = false;
      try {
        await this.follow(() => {
          failures = 0;
        });
        ended = true;
      } catch (error) {
        if (this.stopped.signal.aborted) return;
        if (error instanceof Problem && error.status === 401) return;
        reason = error instanceof Problem ? error.message : "The connection was lost.";
      }
      if (this.stopped.signal.aborted) return;
      if (ended && this.everySeconds) {
        await new Promise((resolve) => setTimeout(resolve, this.everySeconds * 1000));
        continue;
      }
      const wait = Math.min(WAIT_SECONDS_MAX, 0.5 * 2 ** failures) * (0.8 + 0.4 * Math.random());
      failures += 1;
      this.handlers.phase("reconnecting", wait, reason);
      await new Promise((resolve) => setTimeout(resolve, wait * 1000));
    }
  }

  stop(): void {
    this.stopped.abort();
  }

  private async follow(connected: () => void): Promise<void> {
    await follow(this.api, "/v1/live", this.stopped.signal, {
      event: (name, data) => {
        if (name === "hello") {
          this.everySeconds = (data as { every_seconds?: number }).every_seconds ?? 0;
          this.handlers.phase(this.everySeconds ? "asking" : "live", this.everySeconds);
        }
        this.handlers.event(name, data);
      },
      connected,
    });
  }
}

export interface Listener {
  event(name: string, data: unknown): void;
  connected?(): void;
  /** where the stream stands; `Last-Event-ID` among the `headers` continues from there */
  id?(id: string): void;
  headers?: Record<string, string>;
}

/** Read one event stream until it ends, falls silent, or `stopped`. */
export async function follow(api: Api, path: string, stopped: AbortSignal, listener: Listener): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS_MAX);
  try {
    const response = await api.fetch(path, {
      headers: { Accept: "text/event-stream", ...listener.headers },
      signal: AbortSignal.any([stopped, silence.signal]),
    });
    if (!response.body) throw new Error("the stream has no body");
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new EventParser((name, data) => listener.event(name, data), (id) => listener.id?.(id));
    listener.connected?.();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS_MAX);
      parser.push(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The event-stream format of the HTML standard, as far as this server speaks it. */
class EventParser {
  private rest = "";
  private name = "";
  private data: string[] = [];

  constructor(
    private readonly emit: (name: string, data: unknown) => void,
    private readonly stands: (id: string) => void,
  ) {}

  push(text: string): void {
    const lines = (this.rest + text).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) this.line(line);
  }

  private line(line: string): void {
    if (line === "") {
      if (this.data.length) this.emit(this.name, JSON.parse(this.data.join("\n")));
      this.name = "";
      this.data = [];
    } else if (line.startsWith("event: ")) {
      this.name = line.slice(7);
    } else if (line.startsWith("data: ")) {
      this.data.push(line.slice(6));
    } else if (line.startsWith("id: ")) {
      this.stands(line.slice(4));
    }
  }
}
