// What a ticket's page gains from a script: the ticket is bound to this phone, whose key never leaves it, and its code
// is signed anew every few seconds, also where there is no network. A copy of it is worth nothing half a minute later.
import {make} from './qr.js';

const EVERY = 10_000, AGAIN = 1_500, PATIENCE = 4_000; // milliseconds
const CACHE = 'mobigo-ticket-1'; // as in ticket-worker.js
const SIGNS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:';
const PREFIX = 'MBG1:', SHOWN = 'mobigo ticket shown 1', EDGE = 4;
const CURVE = {name: 'ECDSA', namedCurve: 'P-256'};

const box = document.getElementById('phone');
const {key} = box.dataset, address = `/v1/tickets/${key}`;
const sleep = milliseconds => new Promise(done => { setTimeout(done, milliseconds); });

// ------------------------------------------------------------------------------------------- what this phone remembers
const settle = asked => new Promise((done, failed) => {
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => failed(asked.error);
});

async function keep(mode, work) {
  const opened = indexedDB.open('mobigo-tickets', 1);
  opened.onupgradeneeded = () => opened.result.createObjectStore('phone');
  const database = await settle(opened);
  try { return await settle(work(database.transaction('phone', mode).objectStore('phone'))); } finally { database.close(); }
}
const read = () => keep('readonly', store => store.get(key));
const save = record => keep('readwrite', store => store.put(record, key));
const forget = () => keep('readwrite', store => store.delete(key));

// --------------------------------------------------------------------------------------------------------------- bytes
const join = (...parts) => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => { whole.set(part, at); return at + part.length; }, 0);
  return whole;
};
const toText = bytes => btoa(String.fromCharCode(...bytes));
const toBytes = text => Uint8Array.from(atob(text), sign => sign.charCodeAt(0));

function head(major, number) { // of CBOR
  if (number < 24) return Uint8Array.of(major << 5 | number);
  const size = [1, 2, 4, 8].find(bytes => number < 256 ** bytes);
  const bytes = Array.from({length: size}, (_, n) => Math.floor(number / 256 ** (size - 1 - n)) % 256);
  return Uint8Array.of(major << 5 | 24 + Math.log2(size), ...bytes);
}
const write = bytes => join(head(2, bytes.length), bytes);

function write45(bytes) {
  let text = PREFIX;
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = bytes.subarray(at, at + 2);
    let number = pair.reduce((sum, byte) => 256 * sum + byte, 0);
    for (let n = 0; n <= pair.length; n++) { text += SIGNS[number % 45]; number = Math.floor(number / 45); }
  }
  return text;
}

/** Write a code as it is shown at a moment: what was issued, the moment, and this phone's signature of both. */
async function sign(still, pair, seconds) {
  const said = join(head(4, 3), write(new TextEncoder().encode(SHOWN)), write(still), head(0, seconds));
  const signature = new Uint8Array(await crypto.subtle.sign({name: 'ECDSA', hash: 'SHA-256'}, pair.privateKey, said));
  return join(head(4, 6), head(0, 2), still.subarray(2), head(0, seconds), write(signature));
}

// Whether a code is bound to a key: it holds the key's first half as it is.
const isOf = (still, point) => String.fromCharCode(...still).includes(String.fromCharCode(...point.subarray(1, 33)));

// ----------------------------------------------------------------------------------------------------------- the page
function show(state) {
  for (const one of box.querySelectorAll('[data-is]')) one.hidden = !one.dataset.is.split(' ').includes(state);
  box.hidden = false;
}

function draw(text) {
  const modules = make(text), size = modules.length + 2 * EDGE, picture = box.querySelector('svg');
  const path = modules.map((row, y) => row.map((dark, x) => dark ? `M${x + EDGE} ${y + EDGE}h1v1h-1z` : '').join('')).join('');
  picture.setAttribute('viewBox', `0 0 ${size} ${size}`);
  picture.querySelector('rect').setAttribute('width', size);
  picture.querySelector('rect').setAttribute('height', size);
  picture.querySelector('path').setAttribute('d', path);
}

async function bind() {
  show('waiting');
  const before = await read();
  const pair = before?.pair ?? await crypto.subtle.generateKey(CURVE, false, ['sign', 'verify']);
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  await save({pair, point, still: null}); // before it is told: an answer that is lost leaves no ticket without its key
  const answer = await fetch(`${address}/phone`, {
    method: 'PUT', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({public_key: toText(point)}),
  });
  if (!answer.ok) throw new Error(`${answer.status}`);
  location.reload();
}

/** Ask for the code as it is now; what is remembered where there is no network. */
async function find(record) {
  for (;;) {
    const answer = await fetch(`${address}/code?format=compact`, {cache: 'no-store', signal: AbortSignal.timeout(PATIENCE)}).catch(() => null);
    if (answer?.ok) return toBytes((await answer.json()).data);
    if (answer?.status === 404 || answer?.status === 409) return null; // replaced, or taken back
    if (record.still) return record.still;
    await sleep(AGAIN);
  }
}

// The home's clock, which need not be the phone's. A page out of the cache is known by its stamp.
const stampOf = page => Number(page.getElementById('phone')?.dataset.now);

async function run(record) {
  show('waiting');
  const stamp = stampOf(document);
  const offset = record.stamp === stamp ? record.offset : stamp - Date.now();
  const still = await find(record);
  if (!still || !isOf(still, record.point)) {
    await forget();
    show('elsewhere');
    return;
  }
  await save({...record, still});
  const renew = async () => {
    if (document.hidden) return;
    draw(write45(await sign(still, record.pair, Math.floor((Date.now() + offset) / 1000))));
    box.dataset.drawn = Date.now();
  };
  await renew();
  for (const one of document.querySelectorAll('[data-unless=shown]')) one.hidden = true;
  show('shown');
  setInterval(renew, EVERY);
  document.addEventListener('visibilitychange', renew);
  if (record.stamp !== stamp) await store({...record, still}).catch(error => { console.warn('not kept:', error); });
}

/** Keep the page and its files for where there is no network. */
async function store(record) {
  if (!('serviceWorker' in navigator)) return;
  await navigator.serviceWorker.register('/tickets/worker.js', {scope: '/tickets/'});
  const files = [...document.querySelectorAll('link[rel=stylesheet], link[rel=icon]')].map(one => one.href);
  const cache = await caches.open(CACHE);
  await cache.addAll([...files, import.meta.url, new URL('./qr.js', import.meta.url).href]);
  const page = await fetch(location.href, {cache: 'no-store'});
  if (!page.ok) return;
  const stamp = stampOf(new DOMParser().parseFromString(await page.clone().text(), 'text/html'));
  await save({...record, stamp, offset: stamp - Date.now()});
  await cache.put(location.pathname, page);
  await navigator.serviceWorker.ready;
  box.dataset.kept = 'yes';
}

if (window.crypto?.subtle && window.indexedDB) {
  for (const button of box.querySelectorAll('button')) {
    button.addEventListener('click', () => { bind().catch(error => { console.warn('not bound:', error); show('failed'); }); });
  }
  const record = await read().catch(() => null);
  const bound = box.dataset.bound === 'yes';
  if (bound && record) await run(record);
  else show(bound ? 'elsewhere' : 'offer');
}
