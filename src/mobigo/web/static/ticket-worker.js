// Keeps the pages of tickets that are bound to this phone, for where there is no network; ticket.js puts them there.
const CACHE = 'mobigo-ticket-1'; // as in ticket.js
const PATIENCE = 4000;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', event => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith('mobigo-ticket-') && name !== CACHE) await caches.delete(name);
  await self.clients.claim();
})()));

async function newest(request, path) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(path);
  if (!kept) return fetch(request);
  const lost = new AbortController();
  const timer = setTimeout(() => lost.abort(), PATIENCE);
  try {
    const answer = await fetch(request, {signal: lost.signal});
    if (answer.status === 404) await cache.delete(path); // its address is another now
    return answer.status < 500 ? answer : kept;
  } catch { return kept; } finally { clearTimeout(timer); }
}

async function file(request) {
  return await (await caches.open(CACHE)).match(request.url) ?? fetch(request);
}

self.addEventListener('fetch', event => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin) return;
  if (event.request.mode === 'navigate') event.respondWith(newest(event.request, url.pathname));
  else if (url.pathname.startsWith('/static/')) event.respondWith(file(event.request));
});
