/** The incidents that the page shows, asked for when the live stream says so, and what is done with them. */

import { Problem, sentence, type Api } from "../api";
import type { Desk } from "../desk.svelte";
import type { Report } from "../witness.svelte";
import type { Incident, IncidentDetail, Wanted } from "./api";

/** However fast events come, this often at most. */
const PAUSE_MILLISECONDS = 500;
/** Without any event they are asked for this often: nobody should trust a list that has stopped. */
const POLL_MILLISECONDS = 30_000;
const PAGE_INCIDENTS = 50;
/** More than this nobody reads on a screen; the API has them all. */
const SHOWN_MAX = 500;

interface Page {
  incidents: Incident[];
  next: string | null;
}

export class Incidents {
  /** open or acknowledged, the newest first: the list, the bar's count, the strip */
  unresolved = $state.raw<Incident[]>([]);
  /** what the list shows where that is not `unresolved` */
  others = $state.raw<Incident[]>([]);
  /** whether there are older ones */
  more = $state(false);
  wanted = $state<Wanted>("unresolved");
  /** the incident that is opened; "": none */
  id = $state("");
  one = $state.raw<IncidentDetail | null>(null);
  /** what this browser made of the receipts of the opened one, by position */
  reports = $state.raw<Map<number, Report>>(new Map());
  problem = $state("");
  problemOfOne = $state("");
  filled = $state(false);

  private asked: Api | null = null;
  private limit = PAGE_INCIDENTS;
  private busy = false;
  private again = false;

  constructor(readonly desk: Desk) {}

  start(): void {
    setInterval(() => this.refreshSoon(), POLL_MILLISECONDS);
  }

  get listed(): Incident[] {
    return this.wanted === "unresolved" ? this.unresolved : this.others;
  }

  /** Those that nobody has. */
  get open(): Incident[] {
    return this.unresolved.filter((one) => one.state === "open");
  }

  /** Show another list. */
  async want(wanted: Wanted): Promise<void> {
    this.wanted = wanted;
    this.others = [];
    this.limit = PAGE_INCIDENTS;
    await this.refresh();
  }

  /** Open one, or none. */
  async show(id: string): Promise<void> {
    if (id === this.id) return;
    this.id = id;
    this.one = null;
    this.reports = new Map();
    this.problemOfOne = "";
    if (id) await this.refresh();
  }

  /** Have older ones shown too. */
  async older(): Promise<void> {
    this.limit = Math.min(this.limit + PAGE_INCIDENTS, SHOWN_MAX);
    await this.refresh();
  }

  /** Do something with the opened one: POST to its path, then show what came of it. */
  async act(verb: string, body: object): Promise<void> {
    const id = this.id;
    await this.desk.api?.send("POST", `/v1/incidents/${encodeURIComponent(id)}/${verb}`, body);
    await this.refresh();
  }

  /** Ask for the lists and the opened one now. */
  async refresh(): Promise<void> {
    const { api } = this.desk;
    this.forgetOthers(api);
    if (!api || !this.desk.operates) return;
    await Promise.all([this.load(api), this.loadOne(api)]);
  }

  /** Something has changed: ask soon, once for all that changes meanwhile. */
  refreshSoon(): void {
    if (this.busy) this.again = true;
    else void this.refreshAndPause();
  }

  private async refreshAndPause(): Promise<void> {
    this.busy = true;
    try {
      do {
        this.again = false;
        await this.refresh();
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MILLISECONDS));
      } while (this.again);
    } finally {
      this.busy = false;
    }
  }

  /** What another token was shown is not for this one. */
  private forgetOthers(api: Api | null): void {
    if (api === this.asked) return;
    this.asked = api;
    this.unresolved = this.others = [];
    this.one = null;
    this.reports = new Map();
    this.more = false;
    this.problem = this.problemOfOne = "";
    this.filled = false;
  }

  private async load(api: Api): Promise<void> {
    const wanted = this.wanted;
    try {
      const [open, others] = await Promise.all([
        api.get<Page>(this.path("unresolved", wanted === "unresolved" ? this.limit : PAGE_INCIDENTS)),
        wanted === "unresolved" ? null : api.get<Page>(this.path(wanted, this.limit)),
      ]);
      if (api !== this.desk.api || wanted !== this.wanted) return;
      this.unresolved = open.incidents;
      this.others = others?.incidents ?? [];
      this.more = (others ?? open).next !== null;
      this.problem = "";
      this.filled = true;
    } catch (error) {
      if (api === this.desk.api) this.problem = sentence(error);
    }
  }

  private async loadOne(api: Api): Promise<void> {
    const id = this.id;
    if (!id) return;
    try {
      const one = await api.get<IncidentDetail>(`/v1/incidents/${encodeURIComponent(id)}`);
      if (api !== this.desk.api || id !== this.id) return;
      this.one = one;
      this.problemOfOne = "";
      await this.verify(one);
    } catch (error) {
      if (api !== this.desk.api || id !== this.id) return;
      this.problemOfOne = sentence(error);
      if (error instanceof Problem && error.code === "UNKNOWN_INCIDENT") this.one = null;
    }
  }

  /** Check each receipt once: what was proved stays proved. */
  private async verify(one: IncidentDetail): Promise<void> {
    for (const { position, receipt } of one.proofs) {
      const known = this.reports.get(position);
      if (!receipt || (known && known.verdict !== "unknown") || receipt.position !== position) continue;
      const report = await this.desk.witness.verifyReceipt(receipt);
      if (one.id !== this.id) return;
      this.reports = new Map(this.reports).set(position, report);
    }
  }

  private path(wanted: Wanted, limit: number): string {
    const said = new URLSearchParams({ limit: String(limit) });
    if (wanted !== "all") said.set("state", wanted);
    return `/v1/incidents?${said.toString()}`;
  }
}
