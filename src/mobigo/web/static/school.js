// What pages of school transport gain from a script: a plan's progress and bound come by themselves, and the map.
const EVERY = 1000; // milliseconds

const box = document.querySelector('[data-progress]');

function row({title, vehicles, bound, cost, least}) {
  const line = document.createElement('tr');
  const head = Object.assign(document.createElement('th'), {scope: 'row', textContent: title});
  const gap = bound && vehicles ? ((vehicles - bound) / vehicles).toLocaleString(document.documentElement.lang, {style: 'percent', minimumFractionDigits: 1, maximumFractionDigits: 1}) : '–';
  line.append(head, ...[vehicles, bound, gap, cost, least].map(said => Object.assign(document.createElement('td'), {textContent: said})));
  return line;
}

async function follow() {
  const answer = await fetch(box.dataset.progress).catch(() => null);
  if (answer?.ok) {
    const told = await answer.json();
    if (!['waiting', 'running'].includes(told.state)) { location.reload(); return; }
    const state = box.querySelector('[role=status]');
    if (state.textContent !== told.said) state.textContent = told.said; // read aloud only when it changes
    box.querySelector('progress').value = Math.min(told.seconds, told.most);
    box.querySelector('tbody').replaceChildren(...told.sessions.map(row));
  }
  setTimeout(follow, EVERY);
}
if (box) follow();

const chart = document.querySelector('.school-chart');
const page = document.getElementById('page-data');
if (chart && page) {
  const seen = new IntersectionObserver(entries => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    seen.disconnect();
    import('./school-map.js').then(map => map.open(chart, JSON.parse(page.textContent))).catch(error => {
      chart.hidden = true; // the tables say everything the map shows
      console.warn('no map:', error);
    });
  }, {rootMargin: '300px'});
  seen.observe(chart);
}
