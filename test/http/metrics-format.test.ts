import { describe, expect, test } from '@jest/globals';
import { chooseFormat } from '../../src/http/metrics-format.ts';

const PROMETHEUS_2 =
  'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
const PROMETHEUS_3 =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
const PROTOBUF_FIRST =
  'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3';

describe('the format of metrics', () => {
  test.each([
    { name: 'Prometheus 2', accept: PROMETHEUS_2, isOpen: true },
    { name: 'Prometheus 3', accept: PROMETHEUS_3, isOpen: true },
    { name: 'a Prometheus that takes protobuf', accept: PROTOBUF_FIRST, isOpen: true },
    { name: 'OpenMetrics of any version', accept: 'application/openmetrics-text', isOpen: true },
    {
      name: 'OpenMetrics in other letters and quotes',
      accept: 'Application/OpenMetrics-Text; Version="1.0.0"',
      isOpen: true,
    },
    {
      name: 'OpenMetrics of a version to come',
      accept: 'application/openmetrics-text;version=2.0.0',
      isOpen: false,
    },
    { name: 'OpenMetrics refused', accept: 'application/openmetrics-text;q=0, text/plain', isOpen: false },
    {
      name: 'text liked better',
      accept: 'application/openmetrics-text;q=0.4, text/plain;q=0.5',
      isOpen: false,
    },
    { name: 'a quality that is no number', accept: 'application/openmetrics-text;q=much', isOpen: false },
    { name: 'curl', accept: '*/*', isOpen: false },
    { name: 'a browser', accept: 'text/html,application/xhtml+xml,*/*;q=0.8', isOpen: false },
    { name: 'nobody in particular', accept: undefined, isOpen: false },
    { name: 'an empty header', accept: '', isOpen: false },
  ])('for $name is OpenMetrics: $isOpen', ({ accept, isOpen }) => {
    expect(chooseFormat(accept).contentType).toBe(
      isOpen
        ? 'application/openmetrics-text; version=1.0.0; charset=utf-8'
        : 'text/plain; version=0.0.4; charset=utf-8',
    );
  });
});
