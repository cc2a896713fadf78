// The map of a plan: runs of a session by vehicle, stops that can be dragged, and what a drag would break. On the page
// of a comparison: stops opened and closed, and from where to where pupils are moved.
import {box, colourScheme, still, style} from './map.js';

const NOTHING = {type: 'FeatureCollection', features: []};
const OTHERS = ['journey', 'vehicles', 'stops']; // sources of the planner's map
const HUES = 12;

const point = (at, properties) => ({type: 'Feature', geometry: {type: 'Point', coordinates: at}, properties});
const line = (coordinates, properties) => ({type: 'Feature', geometry: {type: 'LineString', coordinates}, properties});
const collection = features => ({type: 'FeatureCollection', features});
const make = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

function look(sheet, ground) {
  const dark = colourScheme.matches;
  const base = style(sheet, ground);
  for (const one of OTHERS) delete base.sources[one];
  for (const one of ['runs', 'places']) base.sources[one] = {type: 'geojson', data: NOTHING};
  const ink = dark ? '#eef2f0' : '#17211f', paper = dark ? '#11181b' : '#ffffff';
  base.layers = [
    ...base.layers.filter(layer => !OTHERS.includes(layer.source)),
    {id: 'run-case', type: 'line', source: 'runs', layout: {'line-cap': 'round', 'line-join': 'round'}, paint: {'line-color': paper, 'line-width': 6, 'line-opacity': 0.7}},
    {id: 'run', type: 'line', source: 'runs', layout: {'line-cap': 'round', 'line-join': 'round'}, paint: {'line-color': ['get', 'color'], 'line-width': ['case', ['boolean', ['get', 'chosen'], false], 7, 3]}},
    {id: 'school-place', type: 'circle', source: 'places', filter: ['==', ['get', 'kind'], 'school'], paint: {'circle-radius': 8, 'circle-color': ink, 'circle-stroke-width': 2, 'circle-stroke-color': paper}},
    {id: 'school-stop', type: 'circle', source: 'places', filter: ['!=', ['get', 'kind'], 'school'], paint: {
      'circle-radius': ['interpolate', ['linear'], ['get', 'pupils'], 0, 4, 10, 6, 60, 11],
      'circle-color': ['match', ['get', 'kind'], 'closed', '#b3261e', 'opened', '#1b7f4d', 'moved', '#a35b00', ['case', ['>', ['get', 'pupils'], 0], dark ? '#8ecbff' : '#0b5a8a', '#85828c']],
      'circle-stroke-width': 2, 'circle-stroke-color': paper}},
    {id: 'school-name', type: 'symbol', source: 'places', minzoom: 10, filter: ['any', ['==', ['get', 'kind'], 'school'], ['>=', ['zoom'], 12]], layout: {'text-field': ['get', 'name'], 'text-font': ['Noto Sans'], 'text-size': 13, 'text-offset': [0, 1.1], 'text-anchor': 'top', 'text-optional': true}, paint: {'text-color': ink, 'text-halo-color': paper, 'text-halo-width': 1.5}},
  ];
  return base;
}

const colour = number => `hsl(${(number * 360 / HUES + (number / HUES | 0) * 11) % 360} 65% ${colourScheme.matches ? 65 : 38}%)`;

/** Open the map in its box; `data` is what the page says: addresses, words, whether stops may be dragged. */
export async function open(chart, data) {
  chart.dataset.state = 'loading';
  document.head.append(Object.assign(document.createElement('link'), {rel: 'stylesheet', href: data.maplibreStyle}));
  const json = (address, options) => fetch(address, options).then(async answer => answer.ok ? answer.json() : Promise.reject(new Error((await answer.json().catch(() => ({}))).detail ?? answer.status)));
  const [maplibre, sheet, ground, drawn] = await Promise.all([import(data.maplibre), json(data.style), json('/tiles/ground.json'), json(data.map)]);
  const words = data.words, said = document.getElementById('map-said');
  const stops = new Map(drawn.stops.map(stop => [stop.id, stop]));
  const everything = [...drawn.stops.filter(stop => stop.pupils || stop.kind), ...drawn.schools].map(one => one.at);
  const map = new maplibre.Map({
    container: chart.querySelector('.map'),
    style: look(sheet, ground),
    bounds: everything.length ? box(everything) : ground.bounds,
    fitBoundsOptions: {padding: 40, maxZoom: 14},
    dragRotate: false, pitchWithRotate: false, touchPitch: false,
    fadeDuration: still ? 0 : 200,
    attributionControl: {compact: false},
    cooperativeGestures: matchMedia('(max-width: 64rem)').matches,
    locale: {
      'Map.Title': words['school.map.title'], 'NavigationControl.ZoomIn': words.map_zoom_in, 'NavigationControl.ZoomOut': words.map_zoom_out,
      'Popup.Close': words.map_close, 'CooperativeGesturesHandler.WindowsHelpText': words.map_ctrl,
      'CooperativeGesturesHandler.MacHelpText': words.map_command, 'CooperativeGesturesHandler.MobileHelpText': words.map_fingers,
    },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({showCompass: false}), 'top-right');
  map.on('error', ({error}) => console.warn('map:', error?.message));
  map.on('movestart', () => { chart.dataset.state = 'moving'; });
  map.on('idle', () => { chart.dataset.runs = map.queryRenderedFeatures({layers: ['run']}).length; chart.dataset.state = 'idle'; });
  await new Promise(done => map.once('load', done));

  const choice = document.getElementById('map-session');
  let chosen = null;
  function draw() {
    const session = drawn.sessions?.find(one => one.name === choice?.value) ?? drawn.sessions?.[0];
    const way = run => run.stops ? [...run.line] : run.line;
    chart.dataset.state = 'moving'; // until what follows is drawn
    map.getSource('runs')?.setData(collection((session?.runs ?? drawn.lines).map(run =>
      line(way(run), {id: run.id ?? '', color: run.color ?? colour(run.vehicle), vehicle: run.vehicle ?? 0, pupils: run.pupils, school: run.school ?? '', chosen: run.id !== undefined && run.id === chosen}))));
    map.getSource('places')?.setData(collection([
      ...drawn.schools.map(one => point(one.at, {...one, kind: 'school', pupils: 0})),
      ...[...stops.values()].map(one => point(one.at, {kind: 'stop', ...one})),
    ]));
    map.triggerRepaint();
  }
  choice?.addEventListener('change', () => { chosen = null; draw(); });
  colourScheme.addEventListener('change', () => { map.setStyle(look(sheet, ground)); map.once('styledata', draw); });
  draw();

  const schoolNames = new Map(drawn.schools.map(one => [one.id, one.name]));
  map.on('click', event => {
    const [stop] = map.queryRenderedFeatures(event.point, {layers: ['school-stop', 'school-place']});
    const [run] = map.queryRenderedFeatures([[event.point.x - 5, event.point.y - 5], [event.point.x + 5, event.point.y + 5]], {layers: ['run']});
    const content = document.createElement('div');
    if (stop) content.append(make('strong', {textContent: stop.properties.name}), make('p', {textContent: words['school.map.pupils'].replace('{n}', stop.properties.pupils)}));
    else if (run && drawn.sessions) {
      const {id, vehicle, pupils, school} = run.properties;
      chosen = id;
      draw();
      content.append(
        make('strong', {textContent: words['school.map.run'].replace('{run}', id).replace('{vehicle}', vehicle)}),
        make('p', {textContent: `${schoolNames.get(school) ?? school} · ${words['school.map.pupils'].replace('{n}', pupils)}`}),
        make('a', {href: `#run-${id}`, textContent: words['school.map.halts']}),
      );
    } else return;
    new maplibre.Popup({maxWidth: '20rem'}).setLngLat(event.lngLat).setDOMContent(content).addTo(map);
  });
  addEventListener('hashchange', () => document.querySelector(location.hash || null)?.closest('details')?.setAttribute('open', ''));
  for (const layer of ['school-stop', 'run']) {
    map.on('mouseenter', layer, () => { map.getCanvas().style.cursor = layer === 'run' || !data.check ? 'pointer' : 'grab'; });
    map.on('mouseleave', layer, () => { map.getCanvas().style.cursor = ''; });
  }
  if (data.check) letDrag();
  return map;

  function letDrag() {
    let held = null, from = null;
    const move = event => {
      held.at = [event.lngLat.lng, event.lngLat.lat];
      draw();
    };
    const drop = async () => {
      map.off('mousemove', move);
      map.off('touchmove', move);
      const stop = held, back = from;
      held = null;
      if (stop.at.every((value, n) => Math.abs(value - back[n]) < 1e-6)) return;
      await tryMove(stop, back);
    };
    const take = event => {
      event.preventDefault();
      held = stops.get(event.features[0].properties.id);
      from = [...held.at];
      const touch = event.type === 'touchstart';
      map.on(touch ? 'touchmove' : 'mousemove', move);
      map.once(touch ? 'touchend' : 'mouseup', drop);
    };
    map.on('mousedown', 'school-stop', take);
    map.on('touchstart', 'school-stop', event => { if (event.points.length === 1) take(event); });
  }

  async function tryMove(stop, back) {
    const [lon, lat] = stop.at.map(value => Number(value.toFixed(6)));
    chart.dataset.tried = 'asking';
    const changes = [{kind: 'stop', stop: stop.id, lat, lon}];
    const found = await json(data.check, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({changes})})
      .catch(error => ({breaks: [{kind: '', text: String(error.message)}], runs: [], relinked: []}));
    const field = (name, value) => make('input', {type: 'hidden', name, value});
    const form = (act, text, quiet) => make('form', {method: 'post', action: data.change}, field('kind', 'stop'), field('stop', stop.id), field('lat', lat), field('lon', lon), field('act', act), make('button', {type: 'submit', className: quiet ? 'quiet' : '', textContent: text}));
    const undo = make('button', {type: 'button', className: 'quiet', textContent: words['school.map.back']});
    undo.addEventListener('click', () => { stop.at = back; draw(); said.replaceChildren(); });
    said.replaceChildren(
      make('h3', {textContent: words['school.map.dragged'].replace('{stop}', stop.name).replace('{runs}', found.runs.length)}),
      found.breaks.length
        ? make('ul', {className: 'bookings'}, ...found.breaks.map(one => make('li', {textContent: one.text})))
        : make('p', {textContent: words['school.nothing_breaks']}),
      make('div', {className: 'choices'}, form('add', words['school.map.keep']), ...(found.breaks.length ? [] : [form('adopt', words['school.adopt'], true)]), undo),
    );
    chart.dataset.tried = found.breaks.length ? 'breaks' : 'holds';
  }
}
