/** Everything that a query finds, as a file; fetched piece by piece, because the token travels in a header. */

import { sentence, type Api } from "../api";
import { pathOf, type Question } from "./api";

export type Form = "ndjson" | "csv" | "parquet";

/** Pieces are handed to the browser's blob storage in this size, which may lie on disk. */
const PIECE_BYTES = 8 * 1024 * 1024;

export class Export {
  form = $state<Form | "">("");
  bytes = $state(0);
  problem = $state("");

  private stopped: AbortController | null = null;

  async run(api: Api, question: Question, form: Form): Promise<void> {
    this.stop();
    const stopped = (this.stopped = new AbortController());
    this.form = form;
    this.bytes = 0;
    this.problem = "";
    try {
      const response = await api.fetch(pathOf("/v1/logs/export", question, { format: form }), { signal: stopped.signal });
      save(await this.read(response), form);
    } catch (error) {
      if (!stopped.signal.aborted) this.problem = sentence(error);
    } finally {
      if (this.stopped === stopped) this.form = "";
    }
  }

  stop(): void {
    this.stopped?.abort();
    this.stopped = null;
    this.form = "";
  }

  private async read(response: Response): Promise<Blob> {
    const type = response.headers.get("Content-Type") ?? "application/octet-stream";
    if (!response.body) return response.blob();
    const blobs: Blob[] = [];
    let pieces: Uint8Array<ArrayBuffer>[] = [];
    let gathered = 0;
    for await (const piece of response.body) {
      pieces.push(piece);
      gathered += piece.length;
      this.bytes += piece.length;
      if (gathered < PIECE_BYTES) continue;
      blobs.push(new Blob(pieces));
      pieces = [];
      gathered = 0;
    }
    return new Blob([...blobs, ...pieces], { type });
  }
}

function save(file: Blob, form: Form): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = `logs-${new Date().toISOString().slice(0, 19).replace(/:/g, "")}.${form}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
