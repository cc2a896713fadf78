// The map of searches that nothing answered, by the commune where people wanted to leave.
import {showCommunes} from './commune-map.js';

showCommunes(document.querySelector('.usage-chart'), {
  shades: ['#e4e4dc', '#fde2bf', '#fbb877', '#ee7f3c', '#c84a1b', '#7c1d0c'],
  none: 0,
  radius: ['interpolate', ['linear'], ['get', 'shade'], 0, 4, 5, 14],
  frame: features => {
    const wanted = features.filter(one => one.properties.shade > 0);
    return wanted.length ? wanted : features;
  },
  tell: ({population, unanswered}, words) => [
    words.unanswered.replace('{n}', unanswered), ...(population ? [words.people.replace('{n}', population)] : []),
  ],
});
