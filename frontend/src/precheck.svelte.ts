/** What would become of the order on the ticket: the server's dry run, a moment after typing. */

import { Problem, sentence, type Precheck as Found } from "./api";
import type { Desk } from "./desk.svelte";

const PAUSE_MILLISECONDS = 400;

export class Precheck {
  found = $state.raw<Found | null>(null);
  /** why the server would not even look at it */
  problem = $state("");
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;

  /** Ask for this order in a moment, and forget what was asked before; null: there is none yet. */
  ask(desk: Desk, body: Record<string, unknown> | null): void {
    if (!body) return this.forget();
    clearTimeout(this.timer);
    const number = ++this.asked;
    this.timer = setTimeout(() => void this.send(desk, body, number), PAUSE_MILLISECONDS);
  }

  /** The order was sent, or is no order: nothing is expected. */
  forget(): void {
    clearTimeout(this.timer);
    this.asked += 1;
    this.found = null;
    this.problem = "";
  }

  private async send(desk: Desk, body: Record<string, unknown>, number: number): Promise<void> {
    let found: Found | null = null;
    let problem = "";
    try {
      found = await desk.optional("precheck", async () => (await desk.api?.send<Found>("POST", "/v1/orders/precheck", body)) ?? null);
    } catch (error) {
      // Without an answer the order can still be sent; what is refused here would be refused there.
      if (!(error instanceof Problem && error.unanswered)) problem = sentence(error);
    }
    if (number !== this.asked) return; // another order is asked for by now
    this.found = found;
    this.problem = problem;
  }
}
