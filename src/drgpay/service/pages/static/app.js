// What every page does: printing, faults read aloud, forms sent by htmx.
(() => {
  'use strict';
  document.addEventListener('click', (event) => {
    const asked = event.target.closest('[data-print]');
    if (!asked) return;
    for (const part of document.querySelectorAll('details.print-open')) part.open = true;
    window.print();
  });
  // a select or a checkbox that sends its form at once
  document.addEventListener('change', (event) => {
    if (event.target.matches('[data-send]')) event.target.form.requestSubmit();
  });
  // the page of an institution, chosen from a list
  document.getElementById('to-hospital')?.addEventListener('submit', (event) => {
    event.preventDefault();
    location.assign(document.getElementById('hospital-link').value);
  });
  // the server is away: say so where the answer would stand
  document.addEventListener('htmx:error', (event) => {
    const target = event.detail?.ctx?.target;
    const words = document.getElementById('away');
    if (target instanceof Element && words) target.replaceChildren(words.content.cloneNode(true));
  });
})();
