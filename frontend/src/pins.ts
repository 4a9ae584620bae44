/**
 * What this browser remembers of the ledger between visits: the key that it saw first, and the
 * newest checkpoint that it has accepted. That memory is what makes it a witness.
 */

export interface Pin {
  vkey: string;
  /** ISO 8601, when this browser first saw the key */
  since: string;
}

export interface Seen {
  note: string;
  /** ISO 8601, when this browser accepted it */
  at: string;
}

const PIN = "tallystick.key";
const SEEN = "tallystick.seen";

function load<T>(name: string): T | null {
  const text = localStorage.getItem(name);
  return text === null ? null : (JSON.parse(text) as T);
}

export const pins = {
  key: (): Pin | null => load<Pin>(PIN),
  seen: (): Seen | null => load<Seen>(SEEN),
  keepKey: (pin: Pin): void => localStorage.setItem(PIN, JSON.stringify(pin)),
  keepSeen: (seen: Seen): void => localStorage.setItem(SEEN, JSON.stringify(seen)),
  forget: (): void => {
    localStorage.removeItem(PIN);
    localStorage.removeItem(SEEN);
  },
};
