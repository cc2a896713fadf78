// Keeps the driver's sheet for where there is no network: the newest if it can be had, else the last one of the day.
const CACHE = 'mobigo-sheet-1'; // as in sheet.js
const PATIENCE = 5000;
const LONGEST = 20 * 3600 * 1000;

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', event => event.waitUntil((async () => {
  for (const name of await caches.keys()) if (name.startsWith('mobigo-sheet-') && name !== CACHE) await caches.delete(name);
  await self.clients.claim();
})()));

async function newest(request) {
  const cache = await caches.open(CACHE);
  const lost = new AbortController();
  const timer = setTimeout(() => lost.abort(), PATIENCE);
  try {
    const answer = await fetch(request, {signal: lost.signal});
    if (answer.ok && !answer.redirected) await cache.put(request.url, answer.clone());
    else if (answer.status === 403 || answer.redirected) await forget(cache);
    return answer;
  } catch (error) {
    const kept = await cache.match(request.url);
    if (kept && Date.now() - Date.parse(kept.headers.get('date') ?? '') < LONGEST) return kept;
    if (kept) await cache.delete(request.url);
    throw error;
  } finally { clearTimeout(timer); }
}

async function forget(cache) {
  for (const request of await cache.keys()) if (new URL(request.url).pathname.startsWith('/driver')) await cache.delete(request);
}

async function file(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request.url);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request.url, answer.clone());
  return answer;
}

self.addEventListener('fetch', event => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== location.origin) return;
  if (url.pathname === '/driver') event.respondWith(newest(event.request));
  else if (url.pathname.startsWith('/static/')) event.respondWith(file(event.request));
});
