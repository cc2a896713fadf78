// What pages of draft networks gain from a script: a trial's progress comes by itself, and the map of who gains.
import {showCommunes} from './commune-map.js';

const EVERY = 1500; // milliseconds

const running = document.querySelector('[data-progress]');

async function follow() {
  const answer = await fetch(running.dataset.progress).catch(() => null);
  if (answer?.ok) {
    const told = await answer.json();
    if (!['waiting', 'running'].includes(told.state)) { location.reload(); return; }
    const state = running.querySelector('[role=status]');
    if (state.textContent !== told.said) state.textContent = told.said; // read aloud only when it changes
    Object.assign(running.querySelector('progress'), {max: Math.max(told.asked, 1), value: told.answered});
  }
  setTimeout(follow, EVERY);
}
if (running) follow();

showCommunes(document.querySelector('.drafts-chart'), {
  shades: ['#a03c0f', '#f0a36b', '#e4e4dc', '#7cb4d8', '#155a8a'],
  none: 2,
  radius: 8,
  frame: features => features,
  tell: ({said}) => [said],
});
