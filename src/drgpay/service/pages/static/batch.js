// A file of cases: sent with its progress, faults told where they arise, a job watched until it ends.
(() => {
  'use strict';
  const form = document.getElementById('upload');
  if (form) {
    const file = document.getElementById('file');
    const zone = form.querySelector('.drop');
    const sending = document.getElementById('sending');
    const text = document.getElementById('sending-text');
    const bar = document.getElementById('sending-bar');
    const fault = document.getElementById('upload-fault');

    const tell = (told) => {
      const box = document.createElement('div');
      box.className = 'fault';
      box.setAttribute('role', 'alert');
      const head = document.createElement('p');
      const title = document.createElement('strong');
      title.textContent = told.title;
      head.append(title, told.detail ? ` ${told.detail}` : '');
      box.append(head);
      const list = document.createElement('ul');
      for (const one of told.errors || []) {
        const line = document.createElement('li');
        line.textContent = [one.field, one.message, one.remedy].filter(Boolean).join('；');
        list.append(line);
      }
      if (list.children.length) box.append(list);
      fault.replaceChildren(box);
      sending.hidden = true;
      zone.hidden = false;
    };

    const send = (one) => {
      fault.replaceChildren();
      zone.hidden = true;
      sending.hidden = false;
      text.textContent = `${form.dataset.doing} ${one.name}`;
      const request = new XMLHttpRequest();
      request.open('POST', `/v1/preview/batch?${new URLSearchParams({ name: one.name })}`);
      request.setRequestHeader('Prefer', 'respond-async');
      request.setRequestHeader('Content-Type', 'application/octet-stream');
      request.upload.addEventListener('progress', (event) => {
        if (event.lengthComputable) bar.value = 100 * event.loaded / event.total;
      });
      request.addEventListener('load', () => {
        let told;
        try { told = JSON.parse(request.responseText); } catch { told = { title: form.dataset.away }; }
        if (request.status === 202) location.assign(`/batch/${told.id}`);
        else tell(told);
      });
      request.addEventListener('error', () => tell({ title: form.dataset.away }));
      request.send(one);
    };

    file.addEventListener('change', () => {
      if (file.files.length) send(file.files[0]);
      file.value = '';
    });
    for (const name of ['dragover', 'dragenter']) {
      zone.addEventListener(name, (event) => { event.preventDefault(); zone.classList.add('over'); });
    }
    zone.addEventListener('dragleave', () => zone.classList.remove('over'));
    zone.addEventListener('drop', (event) => {
      event.preventDefault();
      zone.classList.remove('over');
      if (event.dataTransfer.files.length) send(event.dataTransfer.files[0]);
    });
  }

  const job = document.getElementById('job');
  if (job) {
    const text = document.getElementById('job-text');
    const bar = document.getElementById('job-bar');
    const source = new EventSource(job.dataset.events);
    const step = (event) => {
      const told = JSON.parse(event.data);
      if (told.total) bar.value = 100 * told.done / told.total;
      if (told.done) text.textContent = `${told.done.toLocaleString('en-US')}${told.total ? ` / ${told.total.toLocaleString('en-US')}` : ''} ${job.dataset.of}`;
    };
    const over = () => { source.close(); location.reload(); };
    for (const name of ['waiting', 'running']) source.addEventListener(name, step);
    for (const name of ['done', 'failed', 'withdrawn']) source.addEventListener(name, over);
  }
})();
