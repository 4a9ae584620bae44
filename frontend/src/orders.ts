/** Orders in words: what state, at what price, hanging together with what. */

import type { Fill, Order, OrderRow, OrderState, OrderType, TimeInForce } from "./api";

/** How far an order has come: an order's rank never falls. */
const RANK: Record<OrderState, number> = {
  suspended: 0, new: 1, partially_filled: 2,
  filled: 3, cancelled: 3, replaced: 3, rejected: 3, expired: 3,
};

const STATES: Record<OrderState, string> = {
  suspended: "waiting", new: "working", partially_filled: "part filled", filled: "filled",
  cancelled: "cancelled", replaced: "replaced", rejected: "rejected", expired: "expired",
};

/** What each state means, for those who hover or listen. */
export const MEANING: Record<OrderState, string> = {
  suspended: "Waits until the order that it belongs to is filled",
  new: "Works in the book until its price comes",
  partially_filled: "Filled in part; the rest works on",
  filled: "Filled whole",
  cancelled: "Taken back",
  replaced: "Another order stands in its place",
  rejected: "Never worked",
  expired: "Its time was over",
};

export interface Kind {
  name: string;
  /** as the button of the ticket says it, behind "Buy EUR/USD" */
  verb: string;
  price?: boolean;
  stop?: boolean;
  distance?: boolean;
  /** it only closes, so nothing can be closed behind it */
  closes?: boolean;
  times: TimeInForce[];
}

const WAITING: TimeInForce[] = ["GTC", "GTD", "GFD"];

/** What a ticket can place, in the order in which it offers them. */
export const KINDS: Partial<Record<OrderType, Kind>> = {
  market: { name: "Market", verb: "at market", times: ["FOK", "IOC"] },
  limit: { name: "Limit", verb: "at limit", price: true, times: [...WAITING, "IOC", "FOK"] },
  stop: { name: "Stop", verb: "on stop", stop: true, times: WAITING },
  stop_limit: { name: "Stop-limit", verb: "on stop, at limit", stop: true, price: true, times: WAITING },
  market_if_touched: { name: "If touched", verb: "if touched", stop: true, times: WAITING },
  take_profit: { name: "Take-profit", verb: "to take profit", price: true, closes: true, times: WAITING },
  stop_loss: { name: "Stop-loss", verb: "to stop a loss", stop: true, closes: true, times: WAITING },
  trailing_stop: { name: "Trailing stop", verb: "on trailing stop", distance: true, closes: true, times: WAITING },
};

export const TIMES: Record<TimeInForce, { name: string; title: string }> = {
  FOK: { name: "FOK, all or nothing", title: "All of it at once, or nothing" },
  IOC: { name: "IOC, what fills now", title: "What can be filled at once; the rest is cancelled" },
  GTC: { name: "GTC, until cancelled", title: "Works until it is filled or cancelled" },
  GFD: { name: "GFD, for the day", title: "Works until 17:00 in New York" },
  GTD: { name: "GTD, until a time", title: "Works until the time that you give" },
};

export const isOpen = (order: Order): boolean => RANK[order.state] < RANK.filled;

export const stateWord = (state: OrderState): string => STATES[state] ?? state;

export const typeWord = (type: string): string => KINDS[type as OrderType]?.name.toLowerCase() ?? type.replaceAll("_", " ");

/** The price that sets an order off, or how far it stays behind the market. */
export function triggerWords(order: Order): string {
  if (order.distance !== undefined) {
    return order.stop_price === undefined ? `trails ${order.distance}` : `stop ${order.stop_price}, trails ${order.distance}`;
  }
  if (order.stop_price === undefined) return "";
  return `${order.type === "market_if_touched" ? "touch" : "stop"} ${order.stop_price}`;
}

/** The prices that an order waits for, short, for a row whose type is said beside it. */
export function waitsFor(order: Order): { text: string; title: string } {
  const { price, stop_price, distance } = order;
  if (distance !== undefined) {
    const text = stop_price === undefined ? `by ${distance}` : `${stop_price} by ${distance}`;
    return { text, title: `Stop price, which stays ${distance} behind the market` };
  }
  if (stop_price !== undefined && price !== null) {
    return { text: `${stop_price} → ${price}`, title: `Set off at ${stop_price}, then a limit of ${price}` };
  }
  if (stop_price !== undefined) return { text: stop_price, title: "The price that sets it off" };
  return { text: price ?? "", title: "Limit price" };
}

/** The time in force where it is not the usual one of its type, or when it ends. */
export function timeWord(order: Order, today: string): string {
  const end = order.expires_at;
  if (end !== undefined) return `to ${end.slice(0, 10) === today ? end.slice(11, 16) : end.slice(5, 10)}`;
  const usual = KINDS[order.type]?.times[0];
  return order.time_in_force === usual ? "" : order.time_in_force;
}

/** What an order hangs together with, in words that name the others. */
export function links(order: Order): { word: string; id: string }[] {
  const found = [];
  if (order.parent !== undefined) found.push({ word: "if done", id: order.parent });
  if (order.oco !== undefined && order.oco !== order.id) found.push({ word: "one cancels other", id: order.oco });
  if (order.replaces !== undefined) found.push({ word: "replaces", id: order.replaces });
  return found;
}

/** The state of an order in a row of a list, for the order it names as replaced too. */
export function merged(before: OrderRow, now: OrderRow): OrderRow {
  const [older, newer] = before.position <= now.position ? [before, now] : [now, before];
  // A slower answer never takes back how far an order has come.
  const state = RANK[newer.state] >= RANK[older.state] ? newer.state : older.state;
  const row = { ...older, ...newer, state, at: older.at, fills: union(older.fills, newer.fills) };
  const filled = [older.filled, newer.filled].filter((one) => one !== undefined).sort((a, b) => Number(a) - Number(b)).pop();
  return filled === undefined ? row : { ...row, filled };
}

function union(some: Fill[], others: Fill[]): Fill[] {
  const byId = new Map([...some, ...others].map((fill) => [fill.id, fill]));
  return [...byId.values()];
}
