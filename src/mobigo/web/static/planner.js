// What the page gains from a script: the map, suggestions while typing, swapping ends in place. Everything works without.
const data = JSON.parse(document.getElementById('page-data').textContent);
const words = data.words;
const count = (key, n) => words[`${key}.${(data.language === 'fr' ? n <= 1 : n === 1) ? 'one' : 'many'}`].replace('{n}', n);

// ------------------------------------------------------------------------------------------------------------ the map
const chart = document.querySelector('.chart');
const details = [...document.querySelectorAll('details.journey')];
let drawn = null;

function openMap(first) {
  drawn ??= import('./map.js').then(map => map.open(chart, data, first, choosePoint)).catch(error => {
    chart.hidden = true; // the list says everything the map shows
    console.warn('no map:', error);
  });
  return drawn;
}

async function showJourney(number) {
  const journey = data.journeys[number];
  const map = chart && await openMap(journey);
  if (!map || !journey) return;
  map.show(journey, number);
  const times = [...details[number].querySelectorAll('.hours time')].map(one => one.textContent);
  document.getElementById('map-status').textContent =
    words.map_shows.replace('{departure}', times[0]).replace('{arrival}', times[1]);
}

if (chart) details.forEach(one => { // under the list on a small screen, beside it on a large one
  const button = Object.assign(document.createElement('button'), {type: 'button', className: 'quiet on-map', textContent: words.map_see});
  button.addEventListener('click', () => chart.scrollIntoView({behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth'}));
  one.querySelector('.legs').before(button);
});
details.forEach((one, number) => one.addEventListener('toggle', () => {
  if (!one.open) return;
  history.replaceState(null, '', `#${one.id}`);
  showJourney(number);
}));
const wanted = details.findIndex(one => `#${one.id}` === location.hash);
if (wanted > 0) details[wanted].open = true; // its toggle draws it

if (chart) {
  const start = async () => {
    if (data.journeys.length) return showJourney(Math.max(wanted, 0));
    const map = await openMap();
    if (data.ends) map?.ends(data.ends);
  };
  const seen = new IntersectionObserver(entries => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    seen.disconnect();
    (window.requestIdleCallback ?? setTimeout)(start);
  }, {rootMargin: '300px'});
  seen.observe(chart);
}

// ------------------------------------------------------------------------------------------------------------ the form
const form = document.querySelector('form.search');
const field = name => document.getElementById(name);

function setEnd(name, text, place) {
  field(name).value = text;
  field(`${name}_place`).value = place && place !== text ? `${place}|${text}` : '';
}

function choosePoint(name, point) {
  const text = `${point.lat.toFixed(5)}, ${point.lng.toFixed(5)}`;
  const edit = form.closest('details');
  if (edit) edit.open = true;
  setEnd(name, text, null);
  const other = name === 'from' ? 'to' : 'from';
  if (field(other).value) form.requestSubmit();
  else field(other).focus();
}

if (form) {
  form.addEventListener('submit', () => {
    for (const input of form.elements) if (input.name && input.value === '') input.disabled = true; // shorter addresses
  });
  addEventListener('pageshow', () => { for (const input of form.elements) input.disabled = false; });

  form.querySelector('.swap').addEventListener('click', event => {
    if (!form.closest('details') || form.closest('details').open) {
      event.preventDefault();
      for (const suffix of ['', '_place']) {
        const [from, to] = [field(`from${suffix}`), field(`to${suffix}`)];
        [from.value, to.value] = [to.value, from.value];
      }
    }
  });
  for (const name of ['from', 'to', 'via']) suggest(field(name), name);
  locate();
}

// A combobox as ARIA's authoring practices describe it: arrows move, Enter takes, Escape closes; Tab goes on.
function suggest(input, name) {
  const list = document.createElement('ul');
  list.className = 'suggestions';
  list.id = `${name}-suggestions`;
  list.setAttribute('role', 'listbox');
  list.setAttribute('aria-label', words.suggestions);
  list.hidden = true;
  const status = document.createElement('p');
  status.className = 'unseen';
  status.setAttribute('role', 'status');
  input.parentElement.append(list, status);
  for (const [key, value] of Object.entries({role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': list.id}))
    input.setAttribute(key, value);
  let places = [], active = -1, waiting = 0, asking = null;

  const close = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute('aria-expanded', 'false');
    input.removeAttribute('aria-activedescendant');
  };
  const take = place => {
    setEnd(name, place.label, place.kind === 'stop' ? place.id : `${place.lat.toFixed(6)},${place.lon.toFixed(6)}`);
    close();
  };
  const move = to => {
    active = (to + places.length) % places.length;
    [...list.children].forEach((item, n) => item.setAttribute('aria-selected', n === active));
    input.setAttribute('aria-activedescendant', list.children[active].id);
  };
  const ask = async () => {
    const text = input.value.trim();
    if (text.length < 2) return close();
    asking?.abort();
    asking = new AbortController();
    try {
      const answer = await fetch(`/v1/places?${new URLSearchParams({q: text, limit: 6})}`, {signal: asking.signal});
      if (!answer.ok) return close();
      places = (await answer.json()).places;
    } catch { return; } // aborted by the next letter, or the line is down: typing goes on
    if (document.activeElement !== input) return;
    if (!places.length) { status.textContent = count('suggestions', 0); return close(); }
    list.replaceChildren(...places.map((place, n) => {
      const item = document.createElement('li');
      const kind = document.createElement('span');
      item.id = `${list.id}-${n}`;
      item.setAttribute('role', 'option');
      item.setAttribute('aria-selected', 'false');
      kind.className = 'soft';
      kind.textContent = words[`kind.${place.kind}`] ?? '';
      item.append(place.label, kind);
      item.addEventListener('pointerdown', event => { event.preventDefault(); take(place); });
      return item;
    }));
    list.hidden = false;
    active = -1;
    input.setAttribute('aria-expanded', 'true');
    status.textContent = count('suggestions', places.length);
  };

  input.addEventListener('input', () => { clearTimeout(waiting); waiting = setTimeout(ask, 150); });
  input.addEventListener('blur', () => { asking?.abort(); close(); });
  input.addEventListener('keydown', event => {
    if (list.hidden) return;
    if (event.key === 'ArrowDown') move(active + 1);
    else if (event.key === 'ArrowUp') move(active < 0 ? -1 : active - 1);
    else if (event.key === 'Enter' && active >= 0) take(places[active]);
    else if (event.key === 'Escape') close();
    else return;
    event.preventDefault();
  });
}

function locate() {
  if (!navigator.geolocation || !isSecureContext) return;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'plain';
  button.textContent = words.locate;
  field('from').parentElement.append(button);
  button.addEventListener('click', () => navigator.geolocation.getCurrentPosition(
    ({coords}) => setEnd('from', words.locate, `${coords.latitude.toFixed(6)},${coords.longitude.toFixed(6)}`),
    () => { button.disabled = true; button.textContent = words.locate_failed; },
    {timeout: 10000, maximumAge: 60000},
  ));
}
