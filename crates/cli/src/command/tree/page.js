'use strict';
// Rows without the words are hidden; words may stand in any column. What is searched for is kept in the address.
const box = document.getElementById('search'), count = document.getElementById('count');
const rows = [...document.querySelectorAll('tbody tr')];
const texts = rows.map(row => row.textContent.toLowerCase());
function search() {
  const words = box.value.toLowerCase().split(/\s+/);
  let shown = 0;
  rows.forEach((row, at) => {
    row.hidden = !words.every(word => texts[at].includes(word));
    if (!row.hidden) shown += 1;
  });
  for (const section of document.querySelectorAll('section'))
    section.hidden = !section.querySelector('tbody tr:not([hidden])');
  count.textContent = shown + ' of ' + rows.length;
}
function fromAddress() {
  const found = new URLSearchParams(location.hash.slice(1)).get('q');
  if (found !== null) box.value = found;
  search();
}
function type(text) {
  box.value = text;
  history.replaceState(null, '', text ? '#' + new URLSearchParams({ q: text }) : '#');
  search();
}
const states = new Map();
for (const cell of document.querySelectorAll('td.state')) {
  const word = cell.textContent.split(/[,;]/)[0];
  if (word) states.set(word, (states.get(word) || 0) + 1);
}
for (const [word, number] of states) {
  const button = document.createElement('button');
  button.textContent = word + ' ' + number;
  button.addEventListener('click', () => type(box.value === word ? '' : word));
  document.getElementById('states').append(button);
}
box.addEventListener('input', () => type(box.value));
addEventListener('hashchange', fromAddress);
fromAddress();
