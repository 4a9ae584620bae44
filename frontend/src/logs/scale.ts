/** Axes that people can read: round steps of time, round steps of numbers. */

const SECONDS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];

/** Round moments (milliseconds) within [from, to), about `wanted` of them, and their words. */
export function timeTicks(from: number, to: number, wanted: number): { at: number; words: string }[] {
  const span = (to - from) / 1000;
  const step = (SECONDS.find((one) => span / one <= wanted) ?? 7_776_000) * 1000;
  const ticks = [];
  for (let at = Math.ceil(from / step) * step; at < to; at += step) ticks.push({ at, words: tickWords(at, step) });
  return ticks;
}

function tickWords(at: number, step: number): string {
  const text = new Date(at).toISOString();
  if (at % 86_400_000 === 0) return text.slice(5, 10);
  return step < 60_000 ? text.slice(11, 19) : text.slice(11, 16);
}

/** Round numbers from 0 (or the smallest) to at least the largest, about `wanted` steps. */
export function numberTicks(smallest: number, largest: number, wanted: number): number[] {
  const low = Math.min(0, smallest);
  const span = largest - low || 1;
  const rough = span / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  const ticks = [];
  for (let n = Math.floor(low / step); ; n += 1) {
    ticks.push(Number((n * step).toPrecision(12)));
    if (n * step >= largest) return ticks;
  }
}

/** "1.2k", "3M": short enough for an axis. */
export function shortNumber(number: number): string {
  const size = Math.abs(number);
  for (const [unit, word] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    if (size >= unit) return `${Number((number / unit).toPrecision(3))}${word}`;
  }
  return String(Number(number.toPrecision(3)));
}

/** A stretch of time in words, without what both ends share. */
export function stretchWords(from: number, to: number): string {
  const [begin, end] = [new Date(from).toISOString(), new Date(to).toISOString()];
  const places = to - from < 1000 ? 23 : 19;
  const day = begin.slice(0, 10);
  const last = end.slice(0, 10) === day ? end.slice(11, places) : `${end.slice(0, 10)} ${end.slice(11, places)}`;
  return `${day} ${begin.slice(11, places)} – ${last}`;
}
