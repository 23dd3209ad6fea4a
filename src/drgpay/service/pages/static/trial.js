// The value beside each slider, as it is moved; the form may come after the page.
(() => {
  'use strict';
  const show = (form) => {
    for (const input of form.querySelectorAll('input[type=range]')) {
      const told = form.querySelector(`output[for="${input.id}"]`);
      told.textContent = `${told.dataset.unit && Number(input.value) > 0 ? '+' : ''}${input.value}${told.dataset.unit}`;
    }
  };
  document.addEventListener('input', (event) => {
    const form = event.target.closest('#trial');
    if (form) show(form);
  });
  document.addEventListener('reset', (event) => {
    if (event.target.id === 'trial') setTimeout(() => show(event.target));
  });
})();
