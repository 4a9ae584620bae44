/**
 * Everything the page shows, in one place: filled once by the API, kept up by the live stream.
 *
 * Events are merged at once into bounded plain structures; the screen follows once a frame.
 */

import {
  Api,
  Problem,
  sentence,
  type Account,
  type Alert,
  type LogLine,
  type MarginNotice,
  type OrderRow,
  type Positions,
  type Price,
  type Session,
  type TradingStop,
} from "./api";
import type { Anomaly } from "./anomalies";
import { orderPosition } from "./format";
import { Live, type Phase } from "./live";
import { merged } from "./orders";
import { Witness } from "./witness.svelte";

export const BLOTTER_ROWS_MAX = 200;
export const LOG_ROWS_MAX = 300;
export const NOTICE_ROWS_MAX = 100;
/** How often figures that move with prices are asked for while somebody looks. */
const FIGURES_MILLISECONDS = 10_000;

export interface PriceRow extends Price {
  /** the last tick's direction of each side: 1 up, -1 down, 0 not known yet */
  bidTick: number;
  askTick: number;
}

/** What the page can do without where an older server does not have it. */
type Optional = "account" | "states" | "precheck";

type Panel = "prices" | "orders" | "positions" | "states" | "logs" | "anomalies" | "alerts";

/** Scopes of a stop, the widest first. */
const WIDTH = ["all", "desk", "account", "pair"];

/** Shown first, in the order in which dealers name them; the others follow by the alphabet. */
const MAJORS = ["EUR/USD", "USD/JPY", "GBP/USD", "AUD/USD", "USD/CAD", "USD/CHF", "NZD/USD"];

const TOKEN = "tallystick.token";

export class Desk {
  token = $state("");
  signInMessage = $state("");
  account = $state("");
  scopes = $state.raw<string[]>([]);
  version = $state("");
  phase = $state<Phase>("connecting");
  phaseReason = $state("");
  everySeconds = $state(0);
  missed = $state(0);
  now = $state(Date.now());

  prices = $state.raw<PriceRow[]>([]);
  orders = $state.raw<OrderRow[]>([]);
  omitted = $state(0);
  session = $state.raw<Session | null>(null);
  positions = $state.raw<Positions | null>(null);
  /** the account in figures; null where the server does not have them */
  figures = $state.raw<Account | null>(null);
  /** where trading is not active, the widest scope first; null while that is not known */
  stops = $state.raw<TradingStop[] | null>(null);
  /** what became of this account's margin last, if anything did */
  margin = $state.raw<MarginNotice | null>(null);
  logs = $state.raw<LogLine[]>([]);
  /** counts log events, so that a search can follow the tail */
  logEvents = $state(0);
  anomalies = $state.raw<Anomaly[]>([]);
  alerts = $state.raw<Alert[]>([]);
  /** counts events about incidents, and moments after which some may have been missed */
  incidentEvents = $state(0);
  errors = $state<Partial<Record<Panel, string>>>({});
  filled = $state(false);

  readonly witness = new Witness();
  readonly absent = new Set<Optional>();
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
  private figuresAt = 0;

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
      this.refreshFigures();
    }, 1000);
  }

  signIn(token: string): void {
    this.signOut();
    sessionStorage.setItem(TOKEN, token);
    this.token = token;
    this.signInMessage = "";
    // The first refusal signs out and breaks off the other requests: theirs say less.
    const api = new Api(token, (problem) => {
      if (this.api === api) this.signOut(problem.message);
    });
    this.api = api;
    this.live = new Live(api, {
      phase: (phase, waitSeconds, reason) => {
        this.phase = phase;
        this.everySeconds = phase === "asking" ? (waitSeconds ?? 0) : 0;
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
    this.absent.clear();
    this.positions = this.figures = this.session = this.margin = this.stops = null;
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
        const { prices, session } = await api.get<{ prices: Price[]; session?: Session }>("/v1/prices");
        this.session = session ?? null;
        this.takePrices(prices);
      }),
      this.load("orders", async (api) => {
        const path = `/v1/orders?${mine}limit=${BLOTTER_ROWS_MAX}`;
        this.takeOrders((await api.get<{ orders: OrderRow[] }>(path)).orders);
      }),
      this.loadPositions(),
      this.loadStops(),
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
    this.figuresAt = Date.now();
    const account = encodeURIComponent(this.account);
    await this.load("positions", async (api) => {
      const figures = await this.optional("account", () => api.get<Account>(`/v1/accounts/${account}`));
      if (figures) this.figures = figures;
      else this.positions = await api.get<Positions>(`/v1/positions?account=${account}`);
    });
  }

  private async loadStops(): Promise<void> {
    await this.load("states", async (api) => {
      const found = await this.optional("states", () => api.get<{ states: TradingStop[] }>("/v1/trading-state"));
      if (found) this.stops = found.states.sort((a, b) => WIDTH.indexOf(a.scope) - WIDTH.indexOf(b.scope));
    });
  }

  /** What an older server does not know is asked for once, and then done without. */
  async optional<T>(what: Optional, ask: () => Promise<T>): Promise<T | null> {
    if (this.absent.has(what)) return null;
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Problem && error.absent)) throw error;
      this.absent.add(what);
      return null;
    }
  }

  /** Unrealised results move with prices, and a stop of a desk is not said to its accounts. */
  private refreshFigures(): void {
    if ((this.phase !== "live" && this.phase !== "asking") || !this.filled || document.visibilityState !== "visible") return;
    if (this.session && !this.session.open && this.now > Date.parse(this.session.changes_at)) {
      this.session = null;
      void this.fill();
    }
    if (this.now - this.figuresAt < FIGURES_MILLISECONDS) return;
    this.figuresAt = this.now;
    if (this.figures?.positions.some((one) => Number(one.long) || Number(one.short))) void this.loadPositions();
    if (!this.operates) void this.loadStops();
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
        this.incidentEvents += 1;
        void this.fill();
        if (this.phase === "asking") void this.witness.look();
        break;
      }
      case "price":
        this.takePrices((data as { prices: Price[] }).prices);
        break;
      case "order": {
        const { orders, omitted } = data as { orders: OrderRow[]; omitted?: number };
        this.omitted += omitted ?? 0;
        this.takeOrders(orders);
        if (orders.some((order) => order.account === this.account)) this.refreshPositionsSoon();
        break;
      }
      case "trading_state":
        void this.loadStops();
        break;
      case "margin":
        if ((data as MarginNotice).account === this.account) this.margin = data as MarginNotice;
        this.refreshPositionsSoon();
        break;
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
      case "incident":
        this.incidentEvents += 1;
        break;
      case "gap":
        this.incidentEvents += 1;
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
      this.byOrder.set(order.id, before ? merged(before, order) : order);
      const replaced = order.state === "rejected" ? undefined : this.byOrder.get(order.replaces ?? "");
      if (replaced) this.byOrder.set(replaced.id, { ...replaced, state: "replaced" });
    }
    if (this.byOrder.size > BLOTTER_ROWS_MAX) {
      this.byOrder = new Map(this.newestOrders().map((order) => [order.id, order]));
    }
    this.changed("orders");
  }

  private newestOrders(): OrderRow[] {
    return [...this.byOrder.values()].sort((a, b) => orderPosition(b.id) - orderPosition(a.id)).slice(0, BLOTTER_ROWS_MAX);
  }

  private refreshPositionsSoon(): void {
    this.positionsTimer ??= setTimeout(() => {
      this.positionsTimer = null;
      void this.loadPositions();
    }, 500);
  }

  /** Somebody has judged an anomaly on this page. */
  judged(one: Anomaly): void {
    const known = this.byAnomaly.get(one.id);
    if (known) this.byAnomaly.set(one.id, { ...known, verdict: one.verdict ?? null });
    this.changed("anomalies");
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

/** The token in the address's fragment, which is taken out so that it is not copied or kept. */
function takeTokenFromAddress(): string | null {
  const said = new URLSearchParams(location.hash.slice(1));
  const token = said.get("token");
  if (!token) return null;
  said.delete("token");
  const rest = said.toString();
  history.replaceState(null, "", location.pathname + location.search + (rest && `#${rest}`));
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
