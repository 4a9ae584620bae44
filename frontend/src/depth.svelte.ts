/** The depth of one pair, streamed for as long as somebody looks at it. */

import { sentence, type Api, type DeepPrice } from "./api";
import { follow } from "./live";

const RETRY_MILLISECONDS = 2000;

export class Depth {
  price = $state.raw<DeepPrice | null>(null);
  problem = $state("");

  /** Follow a pair; call what it gives to stop. */
  open(api: Api, pair: string): () => void {
    const stopped = new AbortController();
    this.price = null;
    this.problem = "";
    void this.run(api, pair, stopped.signal);
    return () => stopped.abort();
  }

  private async run(api: Api, pair: string, stopped: AbortSignal): Promise<void> {
    const path = `/v1/prices/stream?pairs=${encodeURIComponent(pair)}`;
    while (!stopped.aborted) {
      try {
        await follow(api, path, stopped, { event: (name, data) => this.take(pair, name, data) });
      } catch (error) {
        if (stopped.aborted) return;
        this.problem = sentence(error);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MILLISECONDS));
    }
  }

  private take(pair: string, name: string, data: unknown): void {
    const found =
      name === "snapshot" ? (data as { prices: DeepPrice[] }).prices.find((one) => one.pair === pair)
      : name === "price" ? (data as DeepPrice)
      : undefined;
    if (!found) return;
    this.price = found;
    this.problem = "";
  }
}
