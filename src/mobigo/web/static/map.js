// The map: the loaded OpenStreetMap extract as ground, our stops, and the journey chosen in the list.

export const colourScheme = matchMedia('(prefers-color-scheme: dark)');
export const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
const NOTHING = {type: 'FeatureCollection', features: []};
const FITTING = {padding: {top: 60, bottom: 60, left: 60, right: 70}, maxZoom: 16};
const VEHICLES_EVERY = 20_000; // milliseconds
const FRANCE = [-5.2, 41.3, 9.6, 51.1];

function coloured(value, colours) {
  if (typeof value === 'string') return value.startsWith('$') ? colours[value.slice(1)] : value;
  if (Array.isArray(value)) return value.map(one => coloured(one, colours));
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, colours)]));
  return value;
}

export function style({colours, layers}, ground) {
  const tiles = address => location.origin + address; // the worker has no address of its own to complete it with
  return {
    version: 8,
    sources: {
      base: {type: 'vector', tiles: [tiles(ground.base)], minzoom: ground.minzoom, maxzoom: ground.maxzoom, attribution: ground.attribution},
      stops: {type: 'vector', tiles: [tiles(ground.stops)], minzoom: ground.minzoom, maxzoom: ground.maxzoom},
      journey: {type: 'geojson', data: NOTHING},
      vehicles: {type: 'geojson', data: NOTHING},
    },
    layers: coloured(layers, colours[colourScheme.matches ? 'dark' : 'light']),
  };
}

function features(journey) {
  const feature = (geometry, properties) => ({type: 'Feature', geometry, properties});
  const found = [];
  journey.legs.forEach((leg, n) => {
    const {coordinates} = leg;
    if (coordinates.length < 2) return;
    found.push(feature({type: 'LineString', coordinates}, {kind: leg.color ? 'ride' : 'walk', color: leg.color}));
    if (!leg.color) return;
    found.push(feature({type: 'Point', coordinates: coordinates[0]}, {kind: 'stop', name: leg.from}));
    if (!journey.legs.slice(n + 1).some(later => later.color && later.from === leg.to))
      found.push(feature({type: 'Point', coordinates: coordinates.at(-1)}, {kind: 'stop', name: leg.to}));
  });
  return {type: 'FeatureCollection', features: found};
}

const pointsOf = journey => journey.legs.flatMap(leg => leg.coordinates);

export function box(points) {
  const [lons, lats] = [points.map(point => point[0]), points.map(point => point[1])];
  return [Math.min(...lons), Math.min(...lats), Math.max(...lons), Math.max(...lats)];
}

/**
 * Open the map in its section of the page, looking at the journey that will be shown first, if any.
 * `chart.dataset.state` tells how far it is: loading, moving, idle; `chart.dataset.journey` which journey is drawn.
 */
export async function open(chart, data, first, choosePoint) {
  chart.dataset.state = 'loading';
  const sheet = Object.assign(document.createElement('link'), {rel: 'stylesheet', href: data.maplibreStyle});
  document.head.append(sheet);
  const json = address => fetch(address).then(answer => answer.ok ? answer.json() : Promise.reject(new Error(`${address}: ${answer.status}`)));
  const [maplibre, look, ground] = await Promise.all([
    import(data.maplibre),
    json(data.style),
    json('/tiles/ground.json'),
    ...['400', '500', '700'].map(weight => document.fonts.load(`${weight} 16px "Noto Sans"`)), // labels are drawn once
  ]);
  const words = data.words;
  const bounds = ground.bounds ?? FRANCE;
  const [width, height] = [bounds[2] - bounds[0], bounds[3] - bounds[1]];
  const map = new maplibre.Map({
    container: chart.querySelector('#map'),
    style: style(look, ground),
    bounds: first ? box(pointsOf(first)) : bounds,
    fitBoundsOptions: first ? FITTING : {padding: 40},
    maxBounds: [bounds[0] - width - 1, bounds[1] - height - 1, bounds[2] + width + 1, bounds[3] + height + 1],
    minZoom: ground.minzoom,
    maxZoom: 18.5,
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    fadeDuration: still ? 0 : 200,
    attributionControl: {compact: false},
    cooperativeGestures: matchMedia('(max-width: 64rem)').matches,
    locale: {
      'Map.Title': words.map,
      'NavigationControl.ZoomIn': words.map_zoom_in,
      'NavigationControl.ZoomOut': words.map_zoom_out,
      'AttributionControl.ToggleAttribution': words.map_attribution,
      'Popup.Close': words.map_close,
      'Marker.Title': words.map_point,
      'CooperativeGesturesHandler.WindowsHelpText': words.map_ctrl,
      'CooperativeGesturesHandler.MacHelpText': words.map_command,
      'CooperativeGesturesHandler.MobileHelpText': words.map_fingers,
    },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibre.NavigationControl({showCompass: false}), 'top-right');
  map.addControl(new maplibre.ScaleControl({maxWidth: 120}), 'bottom-left');
  map.on('movestart', () => { chart.dataset.state = 'moving'; });
  map.on('idle', () => {
    const rendered = layers => map.queryRenderedFeatures({layers});
    chart.dataset.rides = rendered(['ride']).length;
    chart.dataset.walks = rendered(['walk']).length;
    chart.dataset.streets = rendered(['street']).length;
    chart.dataset.state = 'idle';
  });
  map.on('error', ({error}) => console.warn('map:', error?.message));

  const pins = [];
  let current = NOTHING, running = NOTHING, waiting = 0;
  function mark(points) {
    pins.splice(0).forEach(one => one.remove());
    points.forEach((point, n) => {
      const element = document.createElement('div');
      element.className = n ? 'pin end' : 'pin';
      pins.push(new maplibre.Marker({element}).setLngLat(point).addTo(map));
      element.setAttribute('aria-hidden', 'true'); // the list names both ends
      element.removeAttribute('tabindex');
      element.removeAttribute('role');
    });
  }
  const lookAt = points => map.fitBounds(box(points), {...FITTING, animate: !still, duration: 600});

  colourScheme.addEventListener('change', () => {
    map.setStyle(style(look, ground));
    map.once('styledata', () => { map.getSource('journey').setData(current); map.getSource('vehicles').setData(running); });
  });

  function popup(point, name, stop) {
    const content = document.createElement('div');
    if (name) content.append(Object.assign(document.createElement('strong'), {textContent: name}));
    const actions = Object.assign(document.createElement('div'), {className: 'actions'});
    for (const end of ['from', 'to']) {
      const button = Object.assign(document.createElement('button'), {type: 'button', className: 'quiet', textContent: words[`map_${end}`]});
      button.addEventListener('click', () => { shown.remove(); choosePoint(end, point); });
      actions.append(button);
    }
    content.append(actions);
    if (stop) {
      const link = Object.assign(document.createElement('a'), {href: `/stops/${encodeURIComponent(stop)}?lang=${data.language}`, textContent: words.map_departures});
      content.append(link);
    }
    const shown = new maplibre.Popup({maxWidth: '20rem'}).setLngLat(point).setDOMContent(content).addTo(map);
  }
  map.on('click', event => {
    const [stop] = map.queryRenderedFeatures([[event.point.x - 8, event.point.y - 8], [event.point.x + 8, event.point.y + 8]], {layers: ['stop']});
    if (map.queryRenderedFeatures(event.point, {layers: ['vehicle']}).length) return;
    if (!stop) return popup(event.lngLat, '', null);
    const [lng, lat] = stop.geometry.coordinates;
    popup({lng, lat}, stop.properties.name, stop.properties.id);
  });
  map.on('mouseenter', 'stop', () => { map.getCanvas().style.cursor = 'pointer'; });
  map.on('mouseleave', 'stop', () => { map.getCanvas().style.cursor = ''; });

  map.on('click', 'vehicle', ({features: [vehicle]}) => {
    const {line, headsign, delay, at} = vehicle.properties;
    const content = document.createElement('div');
    content.append(Object.assign(document.createElement('strong'), {textContent: [line, headsign].filter(said => said && said !== 'null').join(' → ')}));
    const minutes = Math.round(Number(delay) / 60);
    const state = delay === undefined || delay === 'null' ? '' : minutes > 0 ? words.map_late.replace('{n}', minutes) : words.map_on_time;
    const hour = new Date(at).toLocaleTimeString(data.language, {hour: '2-digit', minute: '2-digit'});
    content.append(Object.assign(document.createElement('p'), {textContent: [state, words.map_seen.replace('{hour}', hour)].filter(Boolean).join(' · ')}));
    new maplibre.Popup({maxWidth: '20rem'}).setLngLat(vehicle.geometry.coordinates.slice()).setDOMContent(content).addTo(map);
  });

  await new Promise(done => map.once('load', done));

  // vehicles where they are, while somebody looks; who knows of none is asked again only after the map was moved
  async function follow() {
    clearTimeout(waiting);
    if (document.hidden) return;
    const {_sw: low, _ne: high} = map.getBounds();
    const clamp = (value, most) => Math.max(-most, Math.min(most, value)).toFixed(4);
    const box = [clamp(low.lng, 180), clamp(low.lat, 90), clamp(high.lng, 180), clamp(high.lat, 90)];
    running = await json(`/v1/vehicles?box=${box}`).catch(() => NOTHING);
    for (const {properties} of running.features) if (!properties.color) delete properties.color;
    map.getSource('vehicles')?.setData(running);
    chart.dataset.vehicles = running.features.length;
    if (running.features.length) waiting = setTimeout(follow, VEHICLES_EVERY);
  }
  map.on('moveend', follow);
  document.addEventListener('visibilitychange', follow);
  follow();
  return {
    /** Draw a journey and bring all of it into view. */
    show(journey, number) {
      const points = pointsOf(journey);
      current = features(journey);
      map.getSource('journey').setData(current);
      mark([points[0], points.at(-1)]);
      chart.dataset.state = 'moving';
      chart.dataset.journey = number;
      if (journey !== first) lookAt(points);
      first = null;
      map.triggerRepaint();
    },
    /** Mark both ends when there is no journey between them. */
    ends(points) {
      mark(points);
      lookAt(points);
    },
  };
}
