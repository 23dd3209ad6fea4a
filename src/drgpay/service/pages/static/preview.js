// The form of one case: codes found, chips in order by pointer and by keyboard, marks beside them.
(() => {
  'use strict';
  const form = document.getElementById('case');
  if (!form) return;
  const words = document.getElementById('preview-words').dataset;
  const blank = document.getElementById('chip').content.firstElementChild;
  const told = document.getElementById('told');
  const say = (text) => { told.textContent = text; };
  const changed = () => form.dispatchEvent(new Event('coded', { bubbles: true }));

  function numbered(list) {
    const first = list.id.startsWith('dx') ? words.firstDx : words.firstPx;
    [...list.children].forEach((chip, place) => {
      chip.querySelector('.chip-place').textContent = place ? String(place + 1) : first;
      chip.classList.toggle('first', place === 0);
      chip.querySelector('[data-move="-1"]').disabled = place === 0;
      chip.querySelector('[data-move="1"]').disabled = place === list.children.length - 1;
    });
  }

  function add(list, code, name) {
    if ([...list.querySelectorAll('input')].some((own) => own.value === code)) return;
    const chip = blank.cloneNode(true);
    chip.querySelector('.code').textContent = code;
    chip.querySelector('.chip-name').textContent = name;
    const input = chip.querySelector('input');
    input.name = list.dataset.name;
    input.value = code;
    chip.title = words.keys;
    chip.querySelector('[data-move="-1"]').setAttribute('aria-label', `${words.up} ${code}`);
    chip.querySelector('[data-move="1"]').setAttribute('aria-label', `${words.down} ${code}`);
    chip.querySelector('[data-drop]').setAttribute('aria-label', `${words.drop} ${code}`);
    list.append(chip);
    numbered(list);
  }

  function move(chip, by, focus) {
    const list = chip.parentElement;
    const other = by < 0 ? chip.previousElementSibling : chip.nextElementSibling;
    if (!other) return;
    if (by < 0) other.before(chip); else other.after(chip);
    numbered(list);
    focus.disabled ? chip.focus() : focus.focus();
    say(`${chip.querySelector('.code').textContent} ${words.moved} ${[...list.children].indexOf(chip) + 1}`);
    changed();
  }

  function drop(chip) {
    const list = chip.parentElement;
    const next = chip.nextElementSibling || chip.previousElementSibling;
    say(`${words.drop} ${chip.querySelector('.code').textContent}`);
    chip.remove();
    numbered(list);
    (next || list.parentElement.querySelector('.ts-control input'))?.focus();
    changed();
  }

  form.addEventListener('click', (event) => {
    const chip = event.target.closest('.chip');
    if (!chip) return;
    const moved = event.target.closest('[data-move]');
    if (moved) move(chip, Number(moved.dataset.move), moved);
    if (event.target.closest('[data-drop]')) drop(chip);
  });
  form.addEventListener('keydown', (event) => {
    const chip = event.target.closest('.chip');
    if (!chip) return;
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (by && event.altKey) {
      event.preventDefault();
      move(chip, by, chip);
    } else if (by && event.target === chip) {
      event.preventDefault();
      (by < 0 ? chip.previousElementSibling : chip.nextElementSibling)?.focus();
    } else if (event.key === 'Delete') {
      event.preventDefault();
      drop(chip);
    }
  });

  for (const list of form.querySelectorAll('.chips')) {
    // the same list of the other coding takes chips too
    Sortable.create(list, {
      group: list.id.slice(0, 2), animation: 120, handle: '.grip, .chip-text, .chip-place',
      ghostClass: 'chip-ghost', forceFallback: true, fallbackTolerance: 4, delayOnTouchOnly: true, delay: 120,
      onEnd: ({ from, to, item }) => {
        item.querySelector('input').name = to.dataset.name;
        numbered(from);
        numbered(to);
        changed();
      },
    });
  }

  for (const select of form.querySelectorAll('[data-find]')) {
    const list = document.getElementById(select.dataset.into);
    const find = new TomSelect(select, {
      valueField: 'code', labelField: 'name', searchField: [], maxOptions: 50, maxItems: null,
      placeholder: select.dataset.hint, loadThrottle: 60, closeAfterSelect: true, openOnFocus: false,
      shouldLoad: (text) => text.trim().length > 0,
      score: () => () => 1,
      load(text, done) {
        this.clearOptions();
        const asked = new URLSearchParams({ q: text, kind: select.dataset.find, limit: '30' });
        fetch(`/v1/codes?${asked}`).then((got) => {
          if (!got.ok) throw new Error(String(got.status));
          return got.json();
        }).then((got) => done(got.codes)).catch(() => { say(words.away); done(); });
      },
      render: {
        option: (one, escape) => `<div><span class="code">${escape(one.code)}</span> <span>${escape(one.name)}</span>${one.level ? ` <span class="tag">${escape(one.level)}</span>` : ''}</div>`,
        item: (one, escape) => `<div>${escape(one.code)}</div>`,
        no_results: () => `<div class="no-results">${words.none}</div>`,
        loading: () => '<div class="no-results">…</div>',
      },
      onItemAdd(code) {
        const one = this.options[code];
        add(list, code, one ? one.name : '');
        this.clear(true);
        this.clearOptions();
        this.setTextboxValue('');
        changed();
      },
    });
    find.control_input.setAttribute('aria-label', select.labels?.[0]?.textContent || select.dataset.find);
  }

  const two = document.getElementById('two');
  function shown() {
    const second = form.querySelector('[data-way="b"]');
    second.hidden = !two.checked;
    for (const title of form.querySelectorAll('.coding-title')) title.hidden = !two.checked;
    document.querySelector('.preview').classList.toggle('preview-two', two.checked);
    const [from, to] = ['dx', 'px'].map((kind) => [document.getElementById(`${kind}-a`), document.getElementById(`${kind}-b`)])
      .reduce((made, [a, b]) => [[...made[0], a], [...made[1], b]], [[], []]);
    if (two.checked && to.every((list) => !list.children.length)) {
      from.forEach((list, at) => [...list.children].forEach((chip) => {
        add(to[at], chip.querySelector('input').value, chip.querySelector('.chip-name').textContent);
      }));
    }
  }
  two.addEventListener('change', shown);

  // the whole form by its fields; what is not named is emptied
  function fill(fields) {
    form.reset();
    for (const list of form.querySelectorAll('.chips')) {
      list.replaceChildren();
      for (const [code, name] of fields[list.dataset.name] || []) add(list, code, name);
    }
    for (const [name, value] of Object.entries(fields)) {
      const field = form.elements[name];
      if (!field || Array.isArray(value)) continue;
      if (field.type === 'checkbox') field.checked = Boolean(value);
      else field.value = String(value);
    }
    two.checked = Boolean(fields.dx_b?.length);
    shown();
    changed();
  }

  document.getElementById('example').addEventListener('click', () => {
    const hospitals = form.elements.hospital_id?.options;
    fill({
      dx_a: [['I63.900', '脑梗死'], ['J18.900', '肺炎'], ['E11.900', '2型糖尿病']],
      sex: 'M', age_years: 61, los_days: 9, total_cost: '14800.00', pool: form.elements.pool.value,
      ...(hospitals?.length > 1 ? { hospital_id: hospitals[1].value } : {}),
    });
  });

  const filled = document.getElementById('filled');
  if (filled) fill(JSON.parse(filled.dataset.fields)); // asked by the form's own load trigger

  // what the answer says of a code stands at its chip too; a field that is wrong is marked
  document.addEventListener('htmx:after:swap', () => {
    for (const chip of form.querySelectorAll('.chip')) chip.querySelector('.tag').hidden = true;
    for (const one of document.querySelectorAll('#answer [data-mark-way]')) {
      const kind = one.dataset.markKind === 'diagnoses' ? 'dx' : 'px';
      const chip = document.getElementById(`${kind}-${one.dataset.markWay}`)?.children[Number(one.dataset.markPlace)];
      if (!chip || !one.dataset.mark || one.dataset.sort === 'own') continue;
      const tag = chip.querySelector('.tag');
      tag.textContent = one.dataset.mark;
      tag.className = `tag ${one.dataset.sort}`;
      tag.title = one.dataset.why;
      tag.hidden = false;
    }
    for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid');
    for (const one of document.querySelectorAll('#answer [data-fault-field]')) {
      document.getElementById(`f-${one.dataset.faultField}`)?.setAttribute('aria-invalid', 'true');
    }
  });
})();
