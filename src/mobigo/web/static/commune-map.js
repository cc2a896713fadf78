// A map of communes with a sentence about each, drawn when it comes into view: the table beside it says the same.
import {box, colourScheme, still, style} from './map.js';

const OTHERS = ['journey', 'vehicles', 'stops']; // sources of the planner's map
const make = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};

function look(sheet, ground, drawn, paint) {
  const base = style(sheet, ground);
  for (const one of OTHERS) delete base.sources[one];
  base.sources.communes = {type: 'geojson', data: drawn};
  const ink = colourScheme.matches ? '#eef2f0' : '#17211f', paper = colourScheme.matches ? '#11181b' : '#ffffff';
  const colour = ['match', ['get', 'shade'], ...paint.shades.flatMap((one, n) => [n, one]), paint.shades[paint.none]];
  base.layers = [
    ...base.layers.filter(layer => !OTHERS.includes(layer.source)),
    {id: 'commune-area', type: 'fill', source: 'communes', filter: ['!=', ['geometry-type'], 'Point'], paint: {'fill-color': colour, 'fill-opacity': 0.65, 'fill-outline-color': ink}},
    {id: 'commune-centre', type: 'circle', source: 'communes', filter: ['==', ['geometry-type'], 'Point'], paint: {'circle-color': colour, 'circle-radius': paint.radius, 'circle-stroke-width': 1.5, 'circle-stroke-color': ink}},
    {id: 'commune-name', type: 'symbol', source: 'communes', minzoom: 9, layout: {'text-field': ['get', 'name'], 'text-font': ['Noto Sans'], 'text-size': 12, 'text-offset': [0, 1.1], 'text-anchor': 'top', 'text-optional': true}, paint: {'text-color': ink, 'text-halo-color': paper, 'text-halo-width': 1.5}},
  ];
  return base;
}

const corners = geometry => geometry.type === 'Point' ? [geometry.coordinates] : geometry.coordinates.flat(geometry.type === 'Polygon' ? 1 : 2);

async function open(chart, data, paint) {
  chart.dataset.state = 'loading';
  document.head.append(Object.assign(document.createElement('link'), {rel: 'stylesheet', href: data.maplibreStyle}));
  const json = address => fetch(address).then(answer => answer.ok ? answer.json() : Promise.reject(new Error(`${address}: ${answer.status}`)));
  const [maplibre, sheet, ground, drawn] = await Promise.all([import(data.maplibre), json(data.style), json('/tiles/ground.json'), json(data.map)]);
  const places = paint.frame(drawn.features).flatMap(one => corners(one.geometry));
  const words = data.words;
  const map = new maplibre.Map({
    container: chart.querySelector('.map'),
    style: look(sheet, ground, drawn, paint),
    bounds: places.length ? box(places) : ground.bounds,
    fitBoundsOptions: {padding: 40, maxZoom: 12},
    dragRotate: false, pitchWithRotate: false, touchPitch: false,
    fadeDuration: still ? 0 : 200,
    attributionControl: {compact: false},
    cooperativeGestures: matchMedia('(max-width: 64rem)').matches,
    locale: {
      'Map.Title': words.title, 'NavigationControl.ZoomIn': words.zoomIn, 'NavigationControl.ZoomOut': words.zoomOut, 'Popup.Close': words.close,
      'CooperativeGesturesHandler.WindowsHelpText': words.ctrl, 'CooperativeGesturesHandler.MacHelpText': words.command, 'CooperativeGesturesHandler.MobileHelpText': words.fingers,
    },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({showCompass: false}), 'top-right');
  map.on('error', ({error}) => console.warn('map:', error?.message));
  map.on('movestart', () => { chart.dataset.state = 'moving'; });
  map.on('idle', () => {
    chart.dataset.communes = map.queryRenderedFeatures({layers: ['commune-area', 'commune-centre']}).length;
    chart.dataset.state = 'idle';
  });
  colourScheme.addEventListener('change', () => map.setStyle(look(sheet, ground, drawn, paint)));
  map.on('click', event => {
    const [one] = map.queryRenderedFeatures(event.point, {layers: ['commune-centre', 'commune-area']});
    if (!one) return;
    const content = make('div', {}, make('strong', {textContent: one.properties.name}), ...paint.tell(one.properties, words).map(said => make('p', {textContent: said})));
    new maplibre.Popup({maxWidth: '18rem'}).setLngLat(event.lngLat).setDOMContent(content).addTo(map);
  });
}

// Draws the map in `chart` once it is near the screen. `paint`: shades by number, which of them stands for nothing, the
// circles' radius, what of the features is framed, and what is said of one.
export function showCommunes(chart, paint) {
  const page = document.getElementById('page-data');
  if (!chart || !page) return;
  const seen = new IntersectionObserver(entries => {
    if (!entries.some(entry => entry.isIntersecting)) return;
    seen.disconnect();
    open(chart, JSON.parse(page.textContent), paint).catch(error => {
      chart.hidden = true; // the table says what the map shows
      console.warn('no map:', error);
    });
  }, {rootMargin: '300px'});
  seen.observe(chart);
}
