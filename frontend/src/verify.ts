/**
 * The verifier: an independent reading of RFC 6962/9162 trees and C2SP signed notes.
 *
 * It trusts nobody: bytes in, verdict out. It uses WebCrypto for hashing and signatures, and
 * knows neither the network nor the page. A proof that does not hold throws `Refuted`.
 */

/** The proof is false: what was shown cannot be what was signed. */
export class Refuted extends Error {}

/** This browser cannot check it; nothing is said about the proof. */
export class CannotCheck extends Error {}

export interface Receipt {
  position: number;
  /** base64 of the exact entry bytes */
  entry: string;
  /** lower-case hex; a tlog-proof does not say it */
  leaf_hash?: string;
  /** base64 hashes from the leaf upwards */
  inclusion: string[];
  /** the signed note */
  checkpoint: string;
}

export interface VerifierKey {
  name: string;
  /** eight lower-case hex digits */
  id: string;
  publicKey: Bytes;
  line: string;
}

export interface Checkpoint {
  origin: string;
  size: number;
  root: Bytes;
  /** the signed text, up to and including the newline before the blank line */
  text: string;
  signatures: { name: string; id: string; signature: Bytes }[];
}

type Bytes = Uint8Array<ArrayBuffer>;

const HASH_BYTES = 32;
const SIGNATURES_MAX = 100;
const ED25519 = 0x01;
const KEYS_MAX = 100;
const PROOF_HEADER = "c2sp.org/tlog-proof@v1";

function subtle(): SubtleCrypto {
  // Browsers hide WebCrypto from pages that came over plain HTTP from another machine.
  const found = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  if (!found) {
    throw new CannotCheck("this browser offers no WebCrypto here; open the page by https or on localhost");
  }
  return found;
}

async function sha256(...parts: Bytes[]): Promise<Bytes> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return new Uint8Array(await subtle().digest("SHA-256", whole));
}

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Standard base64 with padding, and only its canonical form. */
export function decodeBase64(text: string): Bytes {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    throw new Refuted(`${JSON.stringify(text.slice(0, 60))} is not base64`);
  }
  if (btoa(binary) !== text) throw new Refuted("base64 that is not in its canonical form");
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

export function encodeBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** RFC 9162 section 2.1.1: SHA-256(0x00 || entry). */
export async function leafHash(entry: Bytes): Promise<Bytes> {
  return sha256(new Uint8Array([0]), entry);
}

async function nodeHash(left: Bytes, right: Bytes): Promise<Bytes> {
  return sha256(new Uint8Array([1]), left, right);
}

function hashes(proof: string[]): Bytes[] {
  return proof.map((text) => {
    const hash = decodeBase64(text);
    if (hash.length !== HASH_BYTES) throw new Refuted("a hash in the proof is not 32 bytes long");
    return hash;
  });
}

// Sizes reach 2^53, beyond JavaScript's 32-bit shifts: halve and take remainders instead.
const half = (n: number): number => Math.floor(n / 2);
const odd = (n: number): boolean => n % 2 === 1;

function checkSize(n: number): void {
  if (!Number.isSafeInteger(n) || n < 0) throw new Refuted(`${n} is no tree size or position`);
}

/** RFC 9162 section 2.1.3.2: the root to which a leaf and its path lead. */
export async function inclusionRoot(
  position: number,
  size: number,
  leaf: Bytes,
  proof: string[],
): Promise<Bytes> {
  checkSize(position);
  checkSize(size);
  if (position >= size) throw new Refuted(`entry ${position} is not in a tree of ${size}`);
  if (leaf.length !== HASH_BYTES) throw new Refuted("the leaf hash is not 32 bytes long");
  let fn = position;
  let sn = size - 1;
  let root = leaf;
  for (const hash of hashes(proof)) {
    if (sn === 0) throw new Refuted("the path is too long");
    if (odd(fn) || fn === sn) {
      root = await nodeHash(hash, root);
      while (!odd(fn) && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      root = await nodeHash(root, hash);
    }
    fn = half(fn);
    sn = half(sn);
  }
  if (sn !== 0) throw new Refuted("the path is too short");
  return root;
}

/**
 * RFC 9162 section 2.1.4.2: the tree of `newSize` begins with the tree of `oldSize`.
 *
 * An `oldSize` of 0 is refused: a proof from the empty tree means nothing.
 */
export async function checkConsistency(
  oldSize: number,
  newSize: number,
  oldRoot: Bytes,
  newRoot: Bytes,
  proof: string[],
): Promise<void> {
  checkSize(oldSize);
  checkSize(newSize);
  const path = hashes(proof);
  if (oldSize === 0) throw new Refuted("a consistency proof from the empty tree means nothing");
  if (oldSize > newSize) throw new Refuted(`${newSize} entries cannot extend ${oldSize}`);
  if (oldSize === newSize) {
    if (path.length) throw new Refuted("equal sizes need no proof, but one was given");
    if (!equal(oldRoot, newRoot)) throw new Refuted("two different roots for one size");
    return;
  }
  if (!path.length) throw new Refuted("the consistency proof is empty");
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (odd(fn)) {
    fn = half(fn);
    sn = half(sn);
  }
  // When the old tree is perfect its root is the first node, and is not sent.
  const first = fn === 0 ? oldRoot : path.shift();
  if (!first) throw new Refuted("the consistency proof is too short");
  let fr = first;
  let sr = first;
  for (const hash of path) {
    if (sn === 0) throw new Refuted("the consistency proof is too long");
    if (odd(fn) || fn === sn) {
      fr = await nodeHash(hash, fr);
      sr = await nodeHash(hash, sr);
      while (!odd(fn) && fn !== 0) {
        fn = half(fn);
        sn = half(sn);
      }
    } else {
      sr = await nodeHash(sr, hash);
    }
    fn = half(fn);
    sn = half(sn);
  }
  if (sn !== 0) throw new Refuted("the consistency proof is too short");
  if (!equal(fr, oldRoot)) throw new Refuted("the proof does not lead to the older root");
  if (!equal(sr, newRoot)) throw new Refuted("the proof does not lead to the newer root");
}

/** SHA-256 of nothing: the root of a ledger without entries. */
export async function emptyRoot(): Promise<Bytes> {
  return sha256();
}

/** A verifier key line of C2SP signed-note: `<name>+<key id>+<base64(0x01 || public key)>`. */
export async function parseVerifierKey(text: string): Promise<VerifierKey> {
  const line = text.trim();
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(line);
  const [, name, id, encoded] = match ?? [];
  if (!name || !id || !encoded) throw new Refuted("the verifier key is malformed");
  const raw = decodeBase64(encoded);
  if (raw[0] !== ED25519 || raw.length !== 1 + HASH_BYTES) {
    throw new Refuted("the verifier key is not an Ed25519 key");
  }
  const digest = await sha256(new TextEncoder().encode(`${name}\n`), raw);
  if (hex(digest.subarray(0, 4)) !== id) {
    throw new Refuted("the verifier key's id does not belong to its name and key");
  }
  return { name, id, publicKey: raw.slice(1), line };
}

/** One or more verifier key lines: a ledger that changed its key has several, the newest first. */
export async function parseVerifierKeys(text: string): Promise<VerifierKey[]> {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  if (!lines.length || lines.length > KEYS_MAX) throw new Refuted("these are no verifier keys");
  return Promise.all(lines.map(parseVerifierKey));
}

/** A C2SP checkpoint in a signed note; says nothing yet about its signatures. */
export function parseCheckpoint(note: string): Checkpoint {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(note)) {
    throw new Refuted("the checkpoint holds control characters");
  }
  const split = note.lastIndexOf("\n\n");
  if (split < 0 || !note.endsWith("\n")) throw new Refuted("the checkpoint is not a signed note");
  const text = note.slice(0, split + 1);
  const [origin, size, root] = text.split("\n");
  if (!origin || !size || !root) throw new Refuted("the checkpoint lacks origin, size or root");
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size)) throw new Refuted("the checkpoint's size is malformed");
  checkSize(Number(size));
  const rootHash = decodeBase64(root);
  if (rootHash.length !== HASH_BYTES) throw new Refuted("the checkpoint's root is not 32 bytes");
  const lines = note.slice(split + 2, -1).split("\n");
  if (lines.length > SIGNATURES_MAX) throw new Refuted("the checkpoint has too many signatures");
  const signatures = lines.map((line) => {
    const [, name, encoded] = /^\u2014 ([^ +]+) (\S+)$/.exec(line) ?? [];
    if (!name || !encoded) throw new Refuted("a signature line of the checkpoint is malformed");
    const raw = decodeBase64(encoded);
    if (raw.length < 5) throw new Refuted("a signature of the checkpoint is too short");
    return { name, id: hex(raw.subarray(0, 4)), signature: raw.slice(4) };
  });
  return { origin, size: Number(size), root: rootHash, text, signatures };
}

/**
 * The checkpoint was signed by at least one of these keys, and speaks for it; gives those that did.
 *
 * A ledger that changes its key has several. Signatures of other keys are ignored; one of these
 * keys that fails refutes the note.
 */
export async function checkSignature(checkpoint: Checkpoint, keys: VerifierKey[]): Promise<VerifierKey[]> {
  const ours = keys.filter((key) => key.name === checkpoint.origin);
  if (!ours.length) {
    throw new Refuted(`the checkpoint is for ${checkpoint.origin}, the key for ${keys[0]?.name ?? "nobody"}`);
  }
  const signers = ours.filter((key) => checkpoint.signatures.some((line) => isOf(line, key)));
  if (!signers.length) throw new Refuted(`the checkpoint is not signed by ${names(ours)}`);
  const message = new TextEncoder().encode(checkpoint.text);
  for (const key of signers) {
    const publicKey = await importKey(key.publicKey);
    for (const { signature } of checkpoint.signatures.filter((line) => isOf(line, key))) {
      if (signature.length !== 64) throw new Refuted("the signature is not 64 bytes long");
      if (!(await subtle().verify("Ed25519", publicKey, signature, message))) {
        throw new Refuted(`the signature of ${names([key])} does not fit the checkpoint's text`);
      }
    }
  }
  return signers;
}

/** The names of those whose signatures nobody here can check: witnesses, and keys not known. */
export function strangers(checkpoint: Checkpoint, keys: VerifierKey[]): string[] {
  return checkpoint.signatures
    .filter((line) => !keys.some((key) => isOf(line, key)))
    .map((line) => names([line]));
}

export function names(keys: { name: string; id: string }[]): string {
  return keys.map(({ name, id }) => `${name}+${id}`).join(" or ");
}

function isOf(line: { name: string; id: string }, key: VerifierKey): boolean {
  return line.name === key.name && line.id === key.id;
}

async function importKey(raw: Bytes): Promise<CryptoKey> {
  try {
    return await subtle().importKey("raw", raw, "Ed25519", false, ["verify"]);
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotSupportedError") {
      throw new CannotCheck("signature not checked: this browser lacks Ed25519");
    }
    if (error instanceof CannotCheck) throw error;
    throw new Refuted("the verifier key is no point on the curve");
  }
}

/** What a person was given: a receipt, or the whole answer to an order around one. */
export interface Evidence {
  receipt: Receipt;
  /** the members beside the receipt; they must be what its entry says */
  answer: Record<string, unknown> | null;
}

/** Read a tlog-proof, a receipt or an order's answer; nothing in it is believed yet. */
export function parseEvidence(text: string): Evidence {
  if (text.startsWith(PROOF_HEADER)) return { receipt: parseProof(text), answer: null };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new CannotCheck("This is neither a tlog-proof nor JSON.");
  }
  const around = isObject(value) && isObject(value.receipt) ? value : null;
  const receipt: unknown = around ? around.receipt : value;
  if (!isReceipt(receipt)) throw new CannotCheck("This JSON is no receipt and holds none.");
  if (!around) return { receipt, answer: null };
  const { receipt: _, ...answer } = around;
  return { receipt, answer };
}

/** C2SP tlog-proof, in its one spelling; ours hold the entry in their extra line. */
function parseProof(text: string): Receipt {
  const split = text.indexOf("\n\n");
  const [header, ...lines] = text.slice(0, Math.max(split, 0)).split("\n");
  if (header !== PROOF_HEADER) throw new CannotCheck("This is not a tlog-proof of version 1.");
  const extra = lines[0]?.startsWith("extra ") ? lines.shift() : undefined;
  const [, index] = /^index (0|[1-9][0-9]{0,15})$/.exec(lines.shift() ?? "") ?? [];
  if (index === undefined) throw new Refuted("the proof's index line is malformed");
  if (extra === undefined) throw new CannotCheck("This proof does not hold the entry itself.");
  return { position: Number(index), entry: extra.slice(6), inclusion: lines, checkpoint: text.slice(split + 2) };
}

function isReceipt(value: unknown): value is Receipt {
  if (!isObject(value)) return false;
  const texts = [value.entry, value.leaf_hash, value.checkpoint, ...(Array.isArray(value.inclusion) ? value.inclusion : [0])];
  return typeof value.position === "number" && texts.every((text) => typeof text === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
