/** A probe measurement's place in the exposition. Names and helps of `probe_*` are blackbox_exporter's to the letter. */
export interface Measurement {
  readonly help: string;
  readonly labels: readonly string[];
}

/**
 * Every measurement that a prober may report, beside `probe_success` and `probe_duration_seconds` which all have.
 * Units are in the names. All are gauges.
 */
export const MEASUREMENTS = {
  probe_dns_lookup_time_seconds: {
    help: 'Returns the time taken for probe dns lookup in seconds',
    labels: [],
  },
  probe_ip_protocol: { help: 'Specifies whether probe ip protocol is IP4 or IP6', labels: [] },
  probe_ip_addr_hash: {
    help: "Specifies the hash of IP address. It's useful to detect if the IP address changes.",
    labels: [],
  },
  probe_failed_due_to_regex: { help: 'Indicates if probe failed due to regex', labels: [] },
  probe_http_duration_seconds: {
    help: 'Duration of http request by phase, summed over all redirects',
    labels: ['phase'],
  },
  probe_http_status_code: { help: 'Response HTTP status code', labels: [] },
  probe_http_version: { help: 'Returns the version of HTTP of the probe response', labels: [] },
  probe_http_redirects: { help: 'The number of redirects', labels: [] },
  probe_http_ssl: { help: 'Indicates if SSL was used for the final redirect', labels: [] },
  probe_http_content_length: { help: 'Length of http content response', labels: [] },
  probe_http_uncompressed_body_length: { help: 'Length of uncompressed response body', labels: [] },
  probe_http_last_modified_timestamp_seconds: {
    help: 'Returns the Last-Modified HTTP response header in unixtime',
    labels: [],
  },
  probe_ssl_earliest_cert_expiry: { help: 'Returns last SSL chain expiry in unixtime', labels: [] },
  probe_ssl_last_chain_expiry_timestamp_seconds: {
    help: 'Returns last SSL chain expiry in timestamp',
    labels: [],
  },
  probe_ssl_last_chain_info: {
    help: 'Contains SSL leaf certificate information',
    labels: ['fingerprint_sha256', 'subject', 'issuer', 'subjectalternative', 'serialnumber'],
  },
  probe_tls_version_info: { help: 'Returns the TLS version used or NaN when unknown', labels: ['version'] },
  probe_tls_cipher_info: { help: 'Returns the TLS cipher negotiated during handshake', labels: ['cipher'] },
  probe_expect_info: { help: 'Explicit content matched', labels: [] },
  probe_icmp_duration_seconds: { help: 'Duration of icmp request by phase', labels: ['phase'] },
  probe_icmp_reply_hop_limit: { help: 'Replied packet hop limit (TTL for ipv4)', labels: [] },
  probe_dns_duration_seconds: { help: 'Duration of DNS request by phase', labels: ['phase'] },
  probe_dns_answer_rrs: { help: 'Returns number of entries in the answer resource record list', labels: [] },
  probe_dns_authority_rrs: {
    help: 'Returns number of entries in the authority resource record list',
    labels: [],
  },
  probe_dns_additional_rrs: {
    help: 'Returns number of entries in the additional resource record list',
    labels: [],
  },
  probe_dns_query_succeeded: {
    help: 'Displays whether or not the query was executed successfully',
    labels: [],
  },
  probe_dns_serial: { help: 'Returns the serial number of the zone', labels: [] },
  kassavakt_client_certificate_expiry_timestamp_seconds: {
    help: 'Expiry of the client certificate that the probe presents, in unixtime',
    labels: [],
  },
  kassavakt_terminal_battery_ratio: { help: 'Battery charge that the terminal reports, 0 to 1', labels: [] },
  kassavakt_terminal_unconfirmed_batches: {
    help: 'Payments that the terminal has not yet been able to send to its host',
    labels: [],
  },
  kassavakt_terminal_busy: {
    help: 'Whether the terminal reports that it is busy with a customer',
    labels: [],
  },
  kassavakt_terminal_firmware_info: {
    help: 'Firmware version that the terminal reports',
    labels: ['firmware'],
  },
} as const satisfies Readonly<Record<string, Measurement>>;

export type MeasurementName = keyof typeof MEASUREMENTS;

/** One measured value. `labels` has the measurement's label names (more only for `probe_expect_info`). */
export interface Sample {
  readonly name: MeasurementName;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}
