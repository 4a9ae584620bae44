/** The API as this page uses it: the shapes, and one way of asking. */

import type { Receipt } from "./verify";

export interface Price {
  pair: string;
  bid: string;
  ask: string;
  at: string;
  source: string;
}

export type OrderState = "new" | "filled" | "cancelled" | "rejected";

export interface Order {
  id: string;
  account: string;
  client_order_id: string;
  pair: string;
  side: "buy" | "sell";
  quantity: string;
  type: "market" | "limit";
  time_in_force: "GTC" | "IOC" | "FOK";
  price: string | null;
  state: OrderState;
}

export interface Fill {
  id: string;
  price: string;
  quantity: string;
  amount: string;
  value_date: string;
}

export interface Rejection {
  code: string;
  reason: string;
}

export interface OrderRow extends Order {
  at: string;
  position: number;
  fills: Fill[];
  /** the live stream has the sentence with it, the list has only the code */
  rejection?: Rejection | null;
  rejection_code?: string | null;
}

export interface OrderAnswer {
  order: Order;
  fills: Fill[];
  rejection: Rejection | null;
  /** of the newest entry that speaks of the order */
  receipt: Receipt;
}

export interface Positions {
  account: string;
  position: number;
  balances: { currency: string; amount: string }[];
}

export interface Anomaly {
  id: string;
  detector: string;
  account: string | null;
  pair: string | null;
  route?: string | null;
  at: string;
  /** the estimated share of ordinary points that are at least as odd */
  p_value?: number;
  expected: string | number | null;
  came: string | number | null;
  sentence: string;
  position: number | null;
  order_id: string | null;
}

export interface Alert {
  id: string;
  severity: string;
  summary: string;
  at: string;
  state: string;
}

export type LogLine = Record<string, unknown>;

/** The server's no, or its silence: a code and a sentence. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field = "",
  ) {
    super(message);
  }

  /** No answer came: whether the request was carried out is not known. */
  get unanswered(): boolean {
    return this.status === 0;
  }
}

export const REQUEST_MILLISECONDS_MAX = 15_000;

export class Api {
  constructor(
    private readonly token: string,
    private readonly refused: (problem: Problem) => void,
  ) {}

  async get<T>(path: string): Promise<T> {
    return (await (await this.fetch(path)).json()) as T;
  }

  async text(path: string): Promise<string> {
    return (await this.fetch(path)).text();
  }

  async send<T>(method: "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
    const init: RequestInit = { method };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { "Content-Type": "application/json" };
    }
    return (await (await this.fetch(path, init)).json()) as T;
  }

  /** An answer with a good status; anything else throws a `Problem`. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Bearer ${this.token}`);
    const signal = init.signal ?? AbortSignal.timeout(REQUEST_MILLISECONDS_MAX);
    let response: Response;
    try {
      response = await fetch(path, { ...init, headers, signal, cache: "no-store" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new Problem(0, "NO_ANSWER", "No answer from the server.");
    }
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (response.status === 401) this.refused(problem);
    throw problem;
  }
}

async function problemOf(response: Response): Promise<Problem> {
  const fallback = `The server answered ${response.status} ${response.statusText}.`.replace(" .", ".");
  try {
    const body = (await response.json()) as { code?: string; detail?: string; title?: string; field?: string };
    const sentence = body.detail ?? body.title ?? fallback;
    return new Problem(response.status, body.code ?? `HTTP_${response.status}`, sentence, body.field);
  } catch {
    return new Problem(response.status, `HTTP_${response.status}`, fallback);
  }
}

/** What went wrong, in one sentence, whoever threw it. */
export function sentence(error: unknown): string {
  if (error instanceof Problem && error.code !== "NO_ANSWER") return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}
