// How single values are written: the same words and digits as the terminal's picture.
export const UNKNOWN = "–";
const VENUES = { GATEIO_SPOT: "Gate spot", GATEIO_FUTURES: "Gate perp", MEXC_SPOT: "MEXC spot" };

export const venue = (name) => VENUES[name] ?? name?.replace("_SPOT", " spot");

// Decimals come as text; a double holds the 15 digits that are shown.
export const real = (value) => (value === null || value === undefined || value === "" ? null : Number(value));

export function money(value, places = 2, signed = false) {
  const number = real(value);
  if (number === null || !Number.isFinite(number)) return UNKNOWN;
  const text = Math.abs(number).toLocaleString("en-US", { minimumFractionDigits: places, maximumFractionDigits: places });
  const zero = !/[1-9]/.test(text);
  return (zero ? "" : number < 0 ? "−" : signed ? "+" : "") + text;
}

export function size(value, signed = false, places = 6) {
  const number = real(value);
  if (number === null) return UNKNOWN;
  const whole = number === 0 ? 0 : Math.max(0, Math.floor(Math.log10(Math.abs(number))));
  return money(number, whole ? Math.min(places, Math.max(0, 6 - whole)) : places, signed);
}

export function price(value) {
  const number = real(value);
  if (number === null) return UNKNOWN;
  const exponent = number === 0 ? 4 : Math.floor(Math.log10(Math.abs(number)));
  return money(number, Math.min(10, Math.max(1, 5 - exponent)));
}

// A figure beside its limit: no zeros at the end, five digits behind the point where it is small.
export function short(value) {
  const number = real(value);
  return number.toLocaleString("en-US", { maximumFractionDigits: Math.abs(number) >= 10 ? 1 : 5 }).replace("-", "−");
}

export const bps = (value, places = 1) => money(value, places, true);
export const count = (value) => (value === null || value === undefined ? UNKNOWN : Number(value).toLocaleString("en-US"));

export function age(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 100) return `${s.toFixed(0)} s`;
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes}:${String(Math.floor(s % 60)).padStart(2, "0")} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")} h`;
  return `${Math.floor(minutes / 1440)} d`;
}

export const ms = (value) =>
  value === null || value === undefined ? UNKNOWN : Math.abs(value) < 1000 ? `${Math.round(value)} ms` : age(value / 1000);

const two = (number, width = 2) => String(number).padStart(width, "0");

// `2026-01-31 23:59:59` of milliseconds or of an ISO text; UTC.
export function stamp(at, digits = 0) {
  if (at === null || at === undefined) return UNKNOWN;
  const date = new Date(at);
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${day} ${clock(at, digits)}`;
}

export function clock(at, digits = 0) {
  const date = new Date(at);
  const text = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
  return digits ? `${text}.${two(date.getUTCMilliseconds(), 3).slice(0, digits)}` : text;
}

export const tone = (value) => {
  const number = real(value);
  return number === null || number === 0 ? "" : number > 0 ? "good" : "bad";
};
