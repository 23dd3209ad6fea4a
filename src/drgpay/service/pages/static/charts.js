// Charts: what the server says (data-chart, figures and their texts) drawn as SVG in the page's colours.
(() => {
  'use strict';
  const zh = document.documentElement.lang.startsWith('zh');
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const font = () => getComputedStyle(document.body).fontFamily;
  const SERIES = ['accent', 'warn-line', 'violet', 'loss', 'line-strong', 'ok'];

  function common(told) {
    return {
      animation: false,
      textStyle: { fontFamily: font(), color: color('ink') },
      aria: { enabled: true, label: { description: told.label || undefined } },
      tooltip: {
        renderMode: 'richText', trigger: 'axis', confine: true, backgroundColor: color('panel'), borderColor: color('line-strong'),
        textStyle: { color: color('ink'), fontSize: 13 }, axisPointer: { type: 'shadow', shadowStyle: { opacity: 0.25 } },
        formatter: (found) => {
          const all = Array.isArray(found) ? found : [found];
          const at = all[0].dataIndex;
          return [told.labels[at], ...all.map((one) => `${told.series.length > 1 ? `${one.seriesName}  ` : ''}${told.series[one.seriesIndex].texts[at]}`)].join('\n');
        },
      },
      grid: { left: 8, right: told.kind === 'sides' ? 40 : 18, top: (told.series.length > 1 ? 34 : 14) + (told.kind === 'lines' || told.kind === 'columns' ? 18 : 0), bottom: 6, containLabel: true },
      legend: told.series.length > 1 ? { top: 0, left: 0, itemWidth: 16, itemHeight: 10, textStyle: { color: color('ink') } } : undefined,
    };
  }
  const axis = () => ({
    axisLine: { lineStyle: { color: color('line-strong') } }, axisTick: { show: false },
    axisLabel: { color: color('muted'), hideOverlap: true }, splitLine: { lineStyle: { color: color('line') } },
  });

  const KINDS = {
    // bars to both sides of zero: gains and losses by name
    sides(told, box) {
      const own = told.series[0];
      return {
        ...common(told),
        xAxis: { type: 'value', ...axis(), name: told.unit, nameLocation: 'end', nameTextStyle: { color: color('muted') } },
        yAxis: { type: 'category', inverse: true, data: told.labels, ...axis(), splitLine: { show: false }, axisLabel: { color: color('ink'), width: box.clientWidth > 480 ? 190 : 110, overflow: 'truncate' } },
        series: [{
          type: 'bar', barMaxWidth: 18, name: own.name,
          data: own.values.map((value) => ({ value, itemStyle: { color: color(value < 0 ? 'loss' : 'gain'), borderRadius: 2 } })),
        }],
      };
    },
    lines(told) {
      return {
        ...common(told),
        xAxis: { type: 'category', data: told.labels, boundaryGap: false, ...axis(), splitLine: { show: false } },
        yAxis: { type: 'value', scale: true, ...axis(), name: told.unit, nameTextStyle: { color: color('muted'), align: 'left' } },
        series: told.series.map((own, at) => ({
          type: 'line', name: own.name, data: own.values, symbolSize: 7, symbol: ['circle', 'rect', 'triangle', 'diamond'][at % 4],
          lineStyle: { width: 2.4, type: own.dashed ? 'dashed' : 'solid' }, color: color(SERIES[at % SERIES.length]), connectNulls: false,
          markLine: told.marks && !at ? {
            silent: true, symbol: 'none', lineStyle: { color: color('loss'), type: 'dashed' }, label: { color: color('loss'), formatter: '{b}' },
            data: told.marks.map((mark) => ({ yAxis: mark.value, name: mark.text })),
          } : undefined,
        })),
      };
    },
    columns(told) {
      return {
        ...common(told),
        xAxis: { type: 'category', data: told.labels, ...axis(), splitLine: { show: false } },
        yAxis: { type: 'value', ...axis(), name: told.unit, nameTextStyle: { color: color('muted'), align: 'left' } },
        series: told.series.map((own, at) => ({
          type: 'bar', name: own.name, stack: told.stacked ? 'all' : undefined, barMaxWidth: 34, data: own.values,
          color: color(SERIES[at % SERIES.length]),
        })),
      };
    },
    gauge(told) {
      const own = told.series[0];
      const edge = told.marks?.[0]?.value ?? 100;
      return {
        ...common(told), tooltip: { show: false }, legend: undefined,
        series: [{
          type: 'gauge', min: 0, max: told.most, startAngle: 200, endAngle: -20, radius: '96%', center: ['50%', '62%'],
          progress: { show: true, width: 16, itemStyle: { color: color(own.values[0] > edge ? 'loss' : 'accent') } },
          axisLine: { lineStyle: { width: 16, color: [[edge / told.most, color('line')], [1, color('bad-soft')]] } },
          pointer: { show: false }, axisTick: { show: false }, splitLine: { show: false },
          axisLabel: { show: false }, anchor: { show: false },
          title: { offsetCenter: [0, '32%'], color: color('muted'), fontSize: 13 },
          detail: { offsetCenter: [0, '-6%'], color: color('ink'), fontSize: 24, fontWeight: 650, formatter: () => own.texts[0] },
          data: [{ value: own.values[0], name: told.labels[0] }],
        }],
      };
    },
  };

  const drawn = new Map();
  function draw(box) {
    const told = JSON.parse(box.dataset.chart);
    const chart = drawn.get(box) || echarts.init(box, null, { renderer: 'svg', locale: zh ? 'ZH' : 'EN' });
    chart.setOption(KINDS[told.kind](told, box), true);
    box.setAttribute('role', 'img');
    drawn.set(box, chart);
  }
  const all = (root) => root.querySelectorAll('[data-chart]').forEach(draw);
  all(document);
  document.addEventListener('htmx:after:swap', () => {
    for (const [box, chart] of drawn) if (!box.isConnected) { chart.dispose(); drawn.delete(box); }
    all(document);
  });
  let waiting = 0;
  window.addEventListener('resize', () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => drawn.forEach((chart) => chart.resize()));
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => all(document));
  window.addEventListener('beforeprint', () => drawn.forEach((chart) => chart.resize()));
})();
