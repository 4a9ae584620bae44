/**
 * Everything the page shows, in one place: filled once by the API, kept up by the live stream.
 *
 * Events are merged at once into bounded plain structures; the screen follows once a frame.
 */

import {
  Api,
  sentence,
  type Alert,
  type Anomaly,
  type LogLine,
  type OrderRow,
  type Positions,
  type Price,
} from "./api";
import { orderPosition } from "./format";
import { Live } from "./live";
import { Witness } from "./witness.svelte";

export const BLOTTER_ROWS_MAX = 200;
export const LOG_ROWS_MAX = 300;
export const NOTICE_ROWS_MAX = 100;

export interface PriceRow extends Price {
  /** the last tick's direction of each side: 1 up, -1 down, 0 not known yet */
  bidTick: number;
  askTick: number;
}

type Panel = "prices" | "orders" | "positions" | "logs" | "anomalies" | "alerts";

/** Shown first, in the order in which dealers name them; the others follow by the alphabet. */
const MAJORS = ["EUR/USD", "USD/JPY", "GBP/USD", "AUD/USD", "USD/CAD", "USD/CHF", "NZD/USD"];

const TOKEN = "tallystick.token";

export class Desk {
  token = $state("");
  signInMessage = $state("");
  account = $state("");
  scopes = $state.raw<string[]>([]);
  version = $state("");
  phase = $state<"connecting" | "live" | "reconnecting">("connecting");
  phaseReason = $state("");
  missed = $state(0);
  now = $state(Date.now());

  prices = $state.raw<PriceRow[]>([]);
  orders = $state.raw<OrderRow[]>([]);
  omitted = $state(0);
  positions = $state.raw<Positions | null>(null);
  logs = $state.raw<LogLine[]>([]);
  /** counts log events, so that a search can follow the tail */
  logEvents = $state(0);
  anomalies = $state.raw<Anomaly[]>([]);
  alerts = $state.raw<Alert[]>([]);
  errors = $state<Partial<Record<Panel, string>>>({});
  filled = $state(false);

  readonly witness = new Witness();
  api: Api | null = null;

  private live: Live | null = null;
  private byPair = new Map<string, PriceRow>();
  private byOrder = new Map<string, OrderRow>();
  private logRows: LogLine[] = [];
  private byAnomaly = new Map<string, Anomaly>();
  private byAlert = new Map<string, Alert>();
  private dirty = new Set<"prices" | "orders" | "logs" | "anomalies" | "alerts">();
  private frame = 0;
  private positionsTimer: ReturnType<typeof setTimeout> | null = null;

  /** Take the token from the address, or from this tab's session; follow the address later on. */
  start(): void {
    const token = takeTokenFromAddress() ?? sessionStorage.getItem(TOKEN);
    if (token) this.signIn(token);
    addEventListener("hashchange", () => {
      const other = takeTokenFromAddress();
      if (other) this.signIn(other);
    });
    setInterval(() => {
      this.now = Date.now();
    }, 1000);
  }

  signIn(token: string): void {
    this.signOut();
    sessionStorage.setItem(TOKEN, token);
    this.token = token;
    this.signInMessage = "";
    const api = new Api(token, (problem) => this.signOut(problem.message));
    this.api = api;
    this.live = new Live(api, {
      phase: (phase, waitSeconds, reason) => {
        this.phase = phase;
        this.phaseReason = reason ? `${reason} Next try in ${Math.ceil(waitSeconds ?? 0)} s.` : "";
      },
      event: (name, data) => {
        if (this.api === api) this.take(name, data);
      },
    });
    void this.live.run();
    void this.witness.open(api);
  }

  signOut(message = ""): void {
    this.live?.stop();
    this.live = null;
    this.api = null;
    this.witness.close();
    sessionStorage.removeItem(TOKEN);
    for (const kept of [this.byPair, this.byOrder, this.byAnomaly, this.byAlert]) kept.clear();
    this.logRows = [];
    this.positions = null;
    this.filled = false;
    this.account = "";
    this.missed = this.omitted = 0;
    this.errors = {};
    this.token = "";
    this.signInMessage = message;
    this.changed("prices", "orders", "logs", "anomalies", "alerts");
  }

  /** The scope that sees every account, and the logs, anomalies and alerts. */
  get operates(): boolean {
    return this.scopes.includes("operate");
  }

  get trades(): boolean {
    return this.scopes.includes("trade");
  }

  /** First fill, and again whenever events may have been missed. */
  async fill(): Promise<void> {
    const mine = this.operates ? "" : `account=${encodeURIComponent(this.account)}&`;
    await Promise.all([this.loadTrading(mine), this.operates ? this.loadWatching() : null]);
    this.filled = true;
  }

  private async loadTrading(mine: string): Promise<void> {
    await Promise.all([
      this.load("prices", async (api) => {
        this.takePrices((await api.get<{ prices: Price[] }>("/v1/prices")).prices);
      }),
      this.load("orders", async (api) => {
        const path = `/v1/orders?${mine}limit=${BLOTTER_ROWS_MAX}`;
        this.takeOrders((await api.get<{ orders: OrderRow[] }>(path)).orders);
      }),
      this.loadPositions(),
    ]);
  }

  private async loadWatching(): Promise<void> {
    await Promise.all([
      this.load("logs", async (api) => {
        const found = (await api.get<{ logs: LogLine[] }>("/v1/logs?limit=100")).logs;
        this.logRows = found;
        this.changed("logs");
      }),
      this.load("anomalies", async (api) => {
        const path = `/v1/anomalies?limit=${NOTICE_ROWS_MAX}`;
        for (const row of (await api.get<{ anomalies: Anomaly[] }>(path)).anomalies) this.byAnomaly.set(row.id, row);
        this.changed("anomalies");
      }),
      this.load("alerts", async (api) => {
        const path = `/v1/alerts?limit=${NOTICE_ROWS_MAX}`;
        for (const row of (await api.get<{ alerts: Alert[] }>(path)).alerts) this.byAlert.set(row.id, row);
        this.changed("alerts");
      }),
    ]);
  }

  private async loadPositions(): Promise<void> {
    await this.load("positions", async (api) => {
      this.positions = await api.get<Positions>(`/v1/positions?account=${encodeURIComponent(this.account)}`);
    });
  }

  private async load(panel: Panel, work: (api: Api) => Promise<void>): Promise<void> {
    const api = this.api;
    if (!api) return;
    try {
      await work(api);
      delete this.errors[panel];
    } catch (error) {
      if (this.api === api) this.errors[panel] = sentence(error);
    }
  }

  private take(name: string, data: unknown): void {
    switch (name) {
      case "hello": {
        const hello = data as { account: string; scopes: string[]; version: string };
        this.account = hello.account;
        this.scopes = hello.scopes;
        this.version = hello.version;
        void this.fill();
        break;
      }
      case "price":
        this.takePrices((data as { prices: Price[] }).prices);
        break;
      case "order": {
        const { orders, omitted } = data as { orders: OrderRow[]; omitted?: number };
        this.omitted += omitted ?? 0;
        this.takeOrders(orders);
        this.refreshPositionsSoon(orders);
        break;
      }
      case "checkpoint":
        void this.witness.see((data as { note: string }).note);
        break;
      case "log":
        this.logRows = [...(data as { logs: LogLine[] }).logs.toReversed(), ...this.logRows].slice(0, LOG_ROWS_MAX);
        this.logEvents += 1;
        this.changed("logs");
        break;
      case "anomaly":
        this.byAnomaly.set((data as Anomaly).id, data as Anomaly);
        this.changed("anomalies");
        break;
      case "alert":
        this.byAlert.set((data as Alert).id, data as Alert);
        this.changed("alerts");
        break;
      case "gap":
        this.missed += (data as { missed: number }).missed;
        void this.fill();
        break;
    }
  }

  private takePrices(prices: Price[]): void {
    for (const price of prices) {
      const before = this.byPair.get(price.pair);
      if (before && before.at > price.at) continue;
      this.byPair.set(price.pair, {
        ...price,
        bidTick: tick(before?.bid, price.bid, before?.bidTick),
        askTick: tick(before?.ask, price.ask, before?.askTick),
      });
    }
    this.changed("prices");
  }

  /** Merge by id: an order keeps the time and place of its decision, and takes the newer state. */
  takeOrders(orders: OrderRow[]): void {
    for (const order of orders) {
      const before = this.byOrder.get(order.id);
      if (!before) {
        this.byOrder.set(order.id, order);
        continue;
      }
      const [older, newer] = before.position <= order.position ? [before, order] : [order, before];
      // A state that ends an order is never taken back by a slower answer.
      const state = newer.state === "new" ? older.state : newer.state;
      const fills = newer.fills.length ? newer.fills : older.fills;
      this.byOrder.set(order.id, { ...older, ...newer, state, at: older.at, fills });
    }
    if (this.byOrder.size > BLOTTER_ROWS_MAX) {
      this.byOrder = new Map(this.newestOrders().map((order) => [order.id, order]));
    }
    this.changed("orders");
  }

  private newestOrders(): OrderRow[] {
    return [...this.byOrder.values()].sort((a, b) => orderPosition(b.id) - orderPosition(a.id)).slice(0, BLOTTER_ROWS_MAX);
  }

  private refreshPositionsSoon(orders: OrderRow[]): void {
    if (this.positionsTimer || !orders.some((order) => order.account === this.account)) return;
    this.positionsTimer = setTimeout(() => {
      this.positionsTimer = null;
      void this.loadPositions();
    }, 500);
  }

  private changed(...what: ("prices" | "orders" | "logs" | "anomalies" | "alerts")[]): void {
    for (const one of what) this.dirty.add(one);
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      const dirty = this.dirty;
      this.dirty = new Set();
      if (dirty.has("prices")) {
        this.prices = [...this.byPair.values()].sort(
          (a, b) => rank(a.pair) - rank(b.pair) || (a.pair < b.pair ? -1 : 1),
        );
      }
      if (dirty.has("orders")) this.orders = this.newestOrders();
      if (dirty.has("logs")) this.logs = this.logRows;
      if (dirty.has("anomalies")) this.anomalies = newest(this.byAnomaly);
      if (dirty.has("alerts")) this.alerts = newest(this.byAlert);
    });
  }
}

/** The token in the address's fragment, which is cleared so that it is not copied or kept. */
function takeTokenFromAddress(): string | null {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

function rank(pair: string): number {
  const place = MAJORS.indexOf(pair);
  return place < 0 ? MAJORS.length : place;
}

function tick(before: string | undefined, after: string, last = 0): number {
  if (before === undefined || before === after) return last;
  return Math.sign(Number(after) - Number(before));
}

/** The newest rows, newest first; the map forgets the others. */
function newest<T extends { id: string; at: string }>(rows: Map<string, T>): T[] {
  const sorted = [...rows.values()].sort((a, b) => (a.at < b.at ? 1 : -1));
  for (const row of sorted.splice(NOTICE_ROWS_MAX)) rows.delete(row.id);
  return sorted;
}
