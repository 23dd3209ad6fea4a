// The part of ECharts that the pages draw with: lines, bars, points, gauges, as SVG.
import * as echarts from 'echarts/core';
import { BarChart, GaugeChart, LineChart, ScatterChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { SVGRenderer } from 'echarts/renderers';
import zh from 'echarts/lib/i18n/langZH.js';
import en from 'echarts/lib/i18n/langEN.js';

echarts.use([
  BarChart, GaugeChart, LineChart, ScatterChart,
  AriaComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent,
  SVGRenderer,
]);
echarts.registerLocale('ZH', zh);
echarts.registerLocale('EN', en);
window.echarts = echarts;
