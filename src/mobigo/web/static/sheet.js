// What the driver's sheet gains from a script: what is noted without a network is kept and sent later, in order, with
// the time at which it happened; the list is read anew by itself. Everything works without, where there is a network.
const KEPT = 'mobigo-sheet-moves', CLOCK = 'mobigo-sheet-clock';
const EVERY = 20000;
const CACHE = 'mobigo-sheet-1'; // as in sheet-worker.js

const sheet = () => document.getElementById('sheet');
const read = (name, other) => { try { return JSON.parse(localStorage.getItem(name)) ?? other; } catch { return other; } };
const write = (name, value) => localStorage.setItem(name, JSON.stringify(value));

// The home's clock, which need not be the phone's. A page out of the cache is known by its stamp.
const stamp = Number(sheet().dataset.now);
const clock = read(CLOCK, null);
const offset = clock?.stamp === stamp ? clock.offset : stamp - Date.now();
write(CLOCK, {stamp, offset});
const now = () => new Date(Date.now() + offset);

// ------------------------------------------------------------------------------------------------------------- states
function show(leg, state) {
  for (const stop of document.querySelectorAll(`[data-leg="${CSS.escape(leg)}"]`)) {
    stop.dataset.state = state;
    for (const one of stop.querySelectorAll('[data-is]')) one.hidden = one.dataset.is !== state;
    for (const one of stop.querySelectorAll('button[data-from]')) one.hidden = !one.dataset.from.split(' ').includes(state);
  }
}
const showKept = () => { for (const move of read(KEPT, [])) show(move.leg, move.state); };

function say() {
  const kept = read(KEPT, []), state = document.getElementById('offline');
  const parts = [navigator.onLine && !failed ? '' : state.dataset.offline, kept.length ? `${state.dataset.waiting}${kept.length}` : ''];
  const text = parts.filter(Boolean).join(' ');
  if (state.textContent !== text) state.textContent = text;
  state.hidden = !text;
}

function refuse(text) {
  const place = document.getElementById('refused');
  place.textContent = `${place.dataset.refused}${text}`;
  place.hidden = false;
}

// ------------------------------------------------------------------------------------------------------------- sending
let sending = false, failed = false;

async function send() {
  if (sending) return;
  sending = true;
  try {
    for (let kept = read(KEPT, []); kept.length; kept = read(KEPT, [])) {
      const move = kept[0];
      const answer = await fetch('/driver/moves', {method: 'POST', body: new URLSearchParams(move), headers: {Accept: 'application/json'}, redirect: 'manual'});
      if (answer.type === 'opaqueredirect') { location.href = '/sign-in?next=/driver'; return; } // signed out meanwhile; what is kept stays
      if (answer.status >= 500 || answer.status === 401 || answer.status === 429) throw new Error(`answered ${answer.status}`);
      if (!answer.ok) refuse((await answer.json().catch(() => ({}))).detail ?? answer.status);
      write(KEPT, read(KEPT, []).filter(one => one.key !== move.key));
      if (!answer.ok) await renew();
    }
    failed = false;
  } catch { failed = true; } // no network: it is kept
  finally { sending = false; say(); }
}

// Delegated, since the list is replaced when it is read anew.
document.addEventListener('submit', event => {
  const form = event.target;
  if (!form.matches('.moves') || !event.submitter?.value) return;
  event.preventDefault();
  const leg = form.elements.leg.value, state = event.submitter.value;
  const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
  write(KEPT, [...read(KEPT, []), {key, leg, state, at: now().toISOString()}]);
  show(leg, state);
  const next = form.querySelector('button[data-from]:not([hidden])') ?? document.querySelector('.moves button[data-from]:not([hidden])');
  next?.focus();
  say();
  send();
});

document.getElementById('out')?.addEventListener('submit', event => {
  if (read(KEPT, []).length) { event.preventDefault(); send(); return; } // nothing noted is lost
  localStorage.removeItem(CLOCK);
  caches?.delete(CACHE);
});

// ------------------------------------------------------------------------------------------------------------- reading
async function renew() {
  if (read(KEPT, []).length) return;
  try {
    const answer = await fetch(location.href, {headers: {Accept: 'text/html'}});
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.getElementById('sheet');
    if (!fresh || Number(fresh.dataset.now) < Number(sheet().dataset.now)) return;
    write(CLOCK, {stamp: Number(fresh.dataset.now), offset});
    for (const part of ['.sheet-head', '.stops']) {
      const [old, made] = [sheet().querySelector(part), fresh.querySelector(part)];
      if (old && made && old.innerHTML !== made.innerHTML && !old.contains(document.activeElement)) old.replaceWith(made);
    }
    const [told, before] = [fresh.querySelectorAll('.told'), sheet().querySelectorAll('.told')];
    if (told.length !== before.length) {
      before.forEach(one => one.remove());
      document.getElementById('refused').after(...told);
    }
    failed = false;
  } catch { failed = true; }
  say();
}

addEventListener('online', () => { say(); send(); });
addEventListener('offline', say);
document.addEventListener('visibilitychange', () => { if (!document.hidden) send().then(renew); });
setInterval(() => { if (!document.hidden) send().then(renew); }, EVERY);
showKept();
say();
send();

// What was kept of another day is nobody's business any more; what this page needs is kept at once.
if ('serviceWorker' in navigator && isSecureContext) {
  await navigator.serviceWorker.register('/driver/worker.js', {scope: '/driver'});
  await navigator.serviceWorker.ready;
  const files = [...document.querySelectorAll('link[rel=stylesheet], link[rel=icon]')].map(one => one.href);
  const cache = await caches.open(CACHE);
  await cache.addAll([...files, ...[...document.scripts].map(one => one.src).filter(Boolean)]);
  if (!(await cache.match(location.href))) {
    const page = await fetch(location.href);
    if (page.ok && !page.redirected) await cache.put(location.href, page);
  }
  document.documentElement.dataset.kept = 'yes';
}
