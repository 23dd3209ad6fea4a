// The value beside each slider, as it is moved.
(() => {
  'use strict';
  const form = document.getElementById('trial');
  const show = () => {
    for (const input of form.querySelectorAll('input[type=range]')) {
      const told = form.querySelector(`output[for="${input.id}"]`);
      told.textContent = `${told.dataset.unit && Number(input.value) > 0 ? '+' : ''}${input.value}${told.dataset.unit}`;
    }
  };
  form.addEventListener('input', show);
  form.addEventListener('reset', () => setTimeout(show));
})();
