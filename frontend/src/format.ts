/** Numbers and times as a trader reads them. Exact decimals stay strings; nothing is rounded. */

/** "1.08251" as big figure "1.08", pips "25", tenth of a pip "1". */
export function splitPrice(price: string): { big: string; pips: string; tenth: string } {
  const decimals = price.length - price.indexOf(".") - 1;
  if (!price.includes(".") || decimals < 2) return { big: price, pips: "", tenth: "" };
  const tenths = decimals % 2; // odd places quote a tenth of a pip: 5 for most pairs, 3 for JPY
  const end = price.length - tenths;
  return { big: price.slice(0, end - 2), pips: price.slice(end - 2, end), tenth: price.slice(end) };
}

/** Ask less bid in pips, exact: "0.2". */
export function spreadPips(bid: string, ask: string): string {
  const decimals = decimalsOf(bid);
  if (decimalsOf(ask) !== decimals || !/^[0-9.]+$/.test(bid + ask)) return "";
  const points = BigInt(ask.replace(".", "")) - BigInt(bid.replace(".", ""));
  if (decimals % 2 === 0) return points.toString();
  const sign = points < 0n ? "-" : "";
  const size = points < 0n ? -points : points;
  return `${sign}${size / 10n}.${size % 10n}`;
}

/** "-1082510.00" as "-1,082,510.00". */
export function grouped(decimal: string): string {
  const [whole = "", fraction] = decimal.split(".");
  const spaced = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? spaced : `${spaced}.${fraction}`;
}

/** A quantity without its zero cents: "1,000,000". */
export function quantity(decimal: string): string {
  return grouped(decimal.replace(/\.0+$/, ""));
}

/**
 * What a trader types as an amount, as a plain decimal: "1m" and "1,000,000" are 1000000.
 *
 * Empty when it is no amount.
 */
export function typedAmount(text: string): string {
  const match = /^(\d[\d,_ ]*)(?:\.(\d+))?\s*([kKmM]?)$/.exec(text.trim());
  if (!match) return "";
  const whole = (match[1] ?? "").replace(/[,_ ]/g, "");
  const places = { k: 3, m: 6 }[(match[3] ?? "").toLowerCase()] ?? 0;
  const fraction = match[2] ?? "";
  const digits = whole + fraction.padEnd(places, "0").slice(0, places);
  const rest = fraction.slice(places);
  const plain = digits.replace(/^0+(?=\d)/, "");
  return rest ? `${plain}.${rest}` : plain;
}

/** Hours, minutes and seconds, UTC, of an RFC 3339 stamp; with milliseconds on request. */
export function timeOf(stamp: string, { millis = false } = {}): string {
  const match = /T(\d\d:\d\d:\d\d)(\.\d+)?Z$/.exec(stamp);
  if (!match) return stamp;
  return millis ? `${match[1]}${(match[2] ?? ".000").padEnd(4, "0").slice(0, 4)}` : (match[1] ?? "");
}

/** Weekday, hours and minutes of an RFC 3339 stamp: "Sun 22:00 UTC". */
export function dayAndTime(stamp: string): string {
  const at = new Date(stamp);
  if (Number.isNaN(at.getTime())) return stamp;
  return `${["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"][at.getUTCDay()]} ${stamp.slice(11, 16)} UTC`;
}

const decimalsOf = (text: string): number => (text.includes(".") ? text.length - text.indexOf(".") - 1 : 0);

/** A decimal as a whole number of its smallest places. */
function scaled(text: string, decimals: number): bigint {
  return BigInt(text.replace(".", "") + "0".repeat(decimals - decimalsOf(text)));
}

function unscaled(value: bigint, decimals: number): string {
  if (!decimals) return value.toString();
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, "0");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** The exact sum of decimals. */
export function sum(texts: string[]): string {
  const decimals = Math.max(0, ...texts.map(decimalsOf));
  return unscaled(texts.reduce((total, text) => total + scaled(text, decimals), 0n), decimals);
}

/** The average price of fills, weighted by quantity; rounded once, half up, to the price's places. */
export function averagePrice(fills: { price: string; quantity: string }[]): string {
  const decimals = Math.max(0, ...fills.map(({ price }) => decimalsOf(price)));
  const units = Math.max(0, ...fills.map(({ quantity }) => decimalsOf(quantity)));
  let worth = 0n;
  let size = 0n;
  for (const { price, quantity } of fills) {
    worth += scaled(price, decimals) * scaled(quantity, units);
    size += scaled(quantity, units);
  }
  return size > 0n ? unscaled((2n * worth + size) / (2n * size), decimals) : "";
}

/** A decimal with its sign, for results: "+1,250.00". */
export function signed(decimal: string): string {
  return decimal.startsWith("-") || /^[0.]*$/.test(decimal) ? grouped(decimal) : `+${grouped(decimal)}`;
}

/** How long ago, in the largest unit that says something: "3s", "12m", "5h", "9d". */
export function age(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** The number in an order's id, which is the position of the entry that decided it. */
export function orderPosition(id: string): number {
  return Number(id.replace(/^\D+/, ""));
}

/** The two ends of a long hash or key. */
export function short(text: string, ends = 6): string {
  return text.length > 2 * ends + 1 ? `${text.slice(0, ends)}…${text.slice(-ends)}` : text;
}
