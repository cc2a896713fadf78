// QR symbols (ISO/IEC 18004) of capital letters, digits and the few signs of base 45: level M, the smallest that holds them.
const SIGNS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
// Of level M, by version from 1: bytes of correction in each block, and blocks.
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26, 26, ...Array(19).fill(28)];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16, 17, 17, 18, 20, 21, 23, 25, 26, 28, 29,
  31, 33, 35, 37, 38, 40, 43, 45, 47, 49];
const LARGEST = 40;
const MASKS = [
  (x, y) => (x + y) % 2, (x, y) => y % 2, (x, y) => x % 3, (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2, (x, y) => x * y % 2 + x * y % 3,
  (x, y) => (x * y % 2 + x * y % 3) % 2, (x, y) => ((x + y) % 2 + x * y % 3) % 2,
];

const sizeOf = version => 4 * version + 17;
const placesOf = version => version < 2 ? 0 : Math.floor(version / 7) + 2;

function bytesOf(version) {
  const places = placesOf(version);
  let modules = (16 * version + 128) * version + 64;
  if (places) modules -= (25 * places - 10) * places - 55;
  if (version > 6) modules -= 36;
  return Math.floor(modules / 8);
}
const roomOf = version => bytesOf(version) - CORRECTION[version - 1] * BLOCKS[version - 1];

// ------------------------------------------------------------------------------------------------------------- the data
function write(text) {
  const values = Array.from(text, sign => SIGNS.indexOf(sign));
  if (values.includes(-1)) throw new RangeError('a sign that such a symbol does not hold');
  const length = Math.floor(text.length / 2) * 11 + text.length % 2 * 6;
  const counted = version => version < 10 ? 9 : version < 27 ? 11 : 13;
  let version = 1;
  while (version <= LARGEST && 4 + counted(version) + length > 8 * roomOf(version)) version++;
  if (version > LARGEST) throw new RangeError('too long for a symbol');
  const bits = [], room = 8 * roomOf(version);
  const put = (value, count) => { for (let bit = count - 1; bit >= 0; bit--) bits.push(value >> bit & 1); };
  put(2, 4);
  put(text.length, counted(version));
  for (let at = 0; at < values.length; at += 2) {
    if (at + 1 < values.length) put(45 * values[at] + values[at + 1], 11); else put(values[at], 6);
  }
  put(0, Math.min(4, room - bits.length));
  put(0, (8 - bits.length % 8) % 8);
  for (let filler = 0xec; bits.length < room; filler ^= 0xec ^ 0x11) put(filler, 8);
  const bytes = Array.from({length: room / 8}, (_, n) => bits.slice(8 * n, 8 * n + 8).reduce((sum, bit) => 2 * sum + bit, 0));
  return {version, bytes};
}

function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) product = product << 1 ^ (product >> 7) * 0x11d ^ (b >> bit & 1) * a;
  return product;
}

function correct(block, divisor) {
  const rest = Array(divisor.length).fill(0);
  for (const byte of block) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    divisor.forEach((one, n) => { rest[n] ^= times(one, factor); });
  }
  return rest;
}

function findDivisor(degree) {
  const divisor = Array(degree).fill(0);
  divisor[degree - 1] = 1;
  for (let n = 0, root = 1; n < degree; n++, root = times(root, 2)) {
    for (let at = 0; at < degree; at++) divisor[at] = times(divisor[at], root) ^ (divisor[at + 1] ?? 0);
  }
  return divisor;
}

function interleave(version, bytes) {
  const blocks = BLOCKS[version - 1], degree = CORRECTION[version - 1], total = bytesOf(version);
  const short = blocks - total % blocks, length = Math.floor(total / blocks) - degree, divisor = findDivisor(degree);
  const data = [], mending = [];
  for (let n = 0, at = 0; n < blocks; n++) {
    const end = at + length + (n < short ? 0 : 1);
    data.push(bytes.slice(at, end));
    mending.push(correct(data[n], divisor));
    at = end;
  }
  const whole = [];
  for (let at = 0; at <= length; at++) for (const block of data) if (at < block.length) whole.push(block[at]);
  for (let at = 0; at < degree; at++) for (const block of mending) whole.push(block[at]);
  return whole;
}

// ----------------------------------------------------------------------------------------------------------- the symbol
function lay(version, mask, whole) {
  const size = sizeOf(version);
  const dark = Array.from({length: size}, () => Array(size).fill(false));
  const fixed = Array.from({length: size}, () => Array(size).fill(false));
  const set = (x, y, on) => { if (x >= 0 && y >= 0 && x < size && y < size) { dark[y][x] = Boolean(on); fixed[y][x] = true; } };
  const square = (x, y, half, rings) => {
    for (let dy = -half; dy <= half; dy++) {
      for (let dx = -half; dx <= half; dx++) set(x + dx, y + dy, rings.includes(Math.max(Math.abs(dx), Math.abs(dy))));
    }
  };
  for (let n = 0; n < size; n++) { set(6, n, n % 2 === 0); set(n, 6, n % 2 === 0); }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, [0, 1, 3]);
  const places = placesOf(version);
  if (places) {
    const step = version === 32 ? 26 : Math.ceil((4 * version + 4) / (2 * places - 2)) * 2;
    const at = [6, ...Array.from({length: places - 1}, (_, n) => size - 7 - step * (places - 2 - n))];
    at.forEach((x, i) => at.forEach((y, j) => {
      const corner = (!i && !j) || (!i && j === places - 1) || (i === places - 1 && !j);
      if (!corner) square(x, y, 2, [0, 2]);
    }));
  }
  const check = (value, count, divisor) => {
    let rest = value;
    for (let n = 0; n < count; n++) rest = rest << 1 ^ (rest >> count - 1) * divisor;
    return value << count | rest;
  };
  const format = check(mask, 10, 0x537) ^ 0x5412; // level M is 00
  for (let n = 0; n < 15; n++) {
    const on = format >> n & 1;
    if (n < 8) { set(size - 1 - n, 8, on); set(8, n < 6 ? n : n + 1, on); }
    else { set(8, size - 15 + n, on); set(n === 8 ? 7 : 14 - n, 8, on); }
  }
  set(8, size - 8, true);
  if (version > 6) {
    const said = check(version, 12, 0x1f25);
    for (let n = 0; n < 18; n++) {
      const a = size - 11 + n % 3, b = Math.floor(n / 3);
      set(a, b, said >> n & 1);
      set(b, a, said >> n & 1);
    }
  }
  let bit = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let n = 0; n < size; n++) {
      const y = (right + 1 & 2) === 0 ? size - 1 - n : n;
      for (const x of [right, right - 1]) {
        if (fixed[y][x]) continue;
        const on = bit < 8 * whole.length && (whole[bit >> 3] >> 7 - (bit & 7) & 1) === 1;
        dark[y][x] = on !== (MASKS[mask](x, y) === 0);
        bit++;
      }
    }
  }
  return dark;
}

// How badly a reader may mistake a symbol.
function blame(dark) {
  const size = dark.length;
  let points = 0, sum = 0;
  for (const line of [...dark, ...dark.map((_, x) => dark.map(row => row[x]))]) {
    const text = line.map(Number).join('');
    for (const [run] of text.matchAll(/0{5,}|1{5,}/g)) points += run.length - 2;
    for (let at = 0; at + 11 <= size; at++) {
      const part = text.slice(at, at + 11);
      if (part === '10111010000' || part === '00001011101') points += 40;
    }
  }
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      sum += dark[y][x];
      if (x && y && dark[y][x] === dark[y][x - 1] && dark[y][x] === dark[y - 1][x] && dark[y][x] === dark[y - 1][x - 1]) points += 3;
    }
  }
  return points + 10 * Math.floor(Math.abs(20 * sum / (size * size) - 10));
}

/** Lay out a symbol: rows of modules, true where dark, without the empty edge. The mask is chosen, unless told. */
export function make(text, mask = null) {
  const {version, bytes} = write(text), whole = interleave(version, bytes);
  if (mask !== null) return lay(version, mask, whole);
  const all = MASKS.map((_, n) => lay(version, n, whole)), faults = all.map(blame);
  return all[faults.indexOf(Math.min(...faults))];
}
