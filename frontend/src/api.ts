/** The API as this page uses it: the shapes, and one way of asking. */

import type { Receipt } from "./verify";

export interface Price {
  pair: string;
  bid: string;
  ask: string;
  at: string;
  source: string;
}

/** This quantity of base currency is dealt at this price. */
export interface Level {
  price: string;
  quantity: string;
}

/** A price with its depth, best first; no levels where bid and ask hold for any quantity. */
export interface DeepPrice extends Price {
  bids: Level[];
  asks: Level[];
  tradeable: boolean;
  reason: string | null;
}

export interface Session {
  open: boolean;
  changes_at: string;
}

export type OrderType =
  | "market" | "limit" | "stop" | "stop_limit" | "market_if_touched"
  | "take_profit" | "stop_loss" | "trailing_stop" | "quoted";
export type TimeInForce = "GTC" | "GTD" | "GFD" | "IOC" | "FOK";
export type OrderState =
  | "new" | "partially_filled" | "filled" | "cancelled" | "replaced" | "rejected" | "expired" | "suspended";

export interface Order {
  id: string;
  account: string;
  client_order_id: string;
  pair: string;
  side: "buy" | "sell";
  quantity: string;
  type: OrderType;
  time_in_force: TimeInForce;
  price: string | null;
  state: OrderState;
  /** what stands from here on is there where it applies */
  filled?: string;
  stop_price?: string;
  distance?: string;
  trigger?: string;
  triggered?: boolean;
  expires_at?: string;
  price_bound?: string;
  position_fill?: string;
  parent?: string;
  oco?: string;
  linked?: number;
  replaces?: string;
  trade?: string;
  quote?: string;
}

export interface Fill {
  id: string;
  price: string;
  quantity: string;
  amount: string;
  value_date: string;
  side?: string;
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
  cancelled?: { by: string; reason: string; code?: string };
  /** who placed it, where that was not its client */
  by?: string;
}

export interface LinkedOrder {
  id: string;
  client_order_id: string;
  type: OrderType;
  state: OrderState;
  rejection: Rejection | null;
}

export interface OrderAnswer {
  order: Order;
  fills: Fill[];
  rejection: Rejection | null;
  /** of the newest entry that speaks of the order */
  receipt: Receipt;
  linked?: LinkedOrder[];
}

/** An order as it stands now, and each entry that brought it there. */
export interface OrderStory extends OrderAnswer {
  steps?: { position: number; kind: string; at: string; state: OrderState }[];
}

export interface Money {
  currency: string;
  amount: string;
}

/** What would become of an order that is placed now. */
export interface Precheck {
  accepted: boolean;
  state: OrderState;
  rejections: Rejection[];
  average_price: string | null;
  amount: Money | null;
  cost: Money | null;
  value_date: string;
  net_position: { before: string; after: string };
  margin: { needed: string; available_after: string } | null;
  linked: { client_order_id: string; rejections: Rejection[] }[];
}

export interface Margin {
  profile: string;
  equity: string;
  used: string;
  available: string;
  level_percent: string | null;
  call_percent: number;
  close_out_percent: number;
  in_call: boolean;
}

export interface Position {
  pair: string;
  long: string;
  long_average: string | null;
  short: string;
  short_average: string | null;
  unrealised: string | null;
  unrealised_home: string | null;
  realised: string;
}

/** An account in figures; of money, what has no price is null. */
export interface Account {
  account: string;
  last_position: number;
  summary: { home: string; nav: string | null; unrealised: string | null; realised: string; margin: Margin | null };
  balances: { currency: string; amount: string }[];
  positions: Position[];
}

/** A scope in which trading is not active. */
export interface TradingStop {
  scope: "all" | "desk" | "account" | "pair";
  id: string | null;
  state: "active" | "reducing" | "halted";
  by: string;
  reason: string;
  at: string;
  asked: { state: string; by: string; reason: string; at: string } | null;
}

/** A margin call of an account, as the live stream says it. */
export interface MarginNotice {
  account: string;
  event: "call_entered" | "call_extended" | "call_exited" | "closed_out";
  equity: string;
  used: string;
  at: string;
  position: number;
}

export interface Positions {
  account: string;
  position: number;
  balances: { currency: string; amount: string }[];
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

  /** The server does not know this path: it is an older one. */
  get absent(): boolean {
    return (this.status === 404 && this.code === "NOT_FOUND") || this.status === 405 || this.code === "HTTP_404";
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

  async send<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
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
