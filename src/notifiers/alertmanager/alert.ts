/** Name and value of what an alert bears. Values are not empty. */
export type LabelSet = Readonly<Record<string, string>>;

/** One alert towards Alertmanager. Its labels are its identity: what differs in one is another alert. */
export interface Alert {
  readonly labels: LabelSet;
  /** Always complete: Alertmanager replaces all of them each time. */
  readonly annotations: LabelSet;
  /** Epoch ms, UTC. */
  readonly startsAtMs: number;
  /** Where a person sees more. */
  readonly link: string;
}

/** An alert that is over, to be told for a while. */
export interface EndedAlert extends Alert {
  /** Epoch ms, UTC. */
  readonly endsAtMs: number;
}

/** The same for the same labels, in whatever order they stand. */
export function alertKey({ labels }: Alert): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** An alert as `POST /api/v2/alerts` takes it. */
export interface PostableAlert {
  readonly labels: LabelSet;
  readonly annotations: LabelSet;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

/** So many resend intervals without a word, and Alertmanager takes an alert for over: as Prometheus has it. */
const INTERVALS_UNTIL_OVER = 4;

/** `alert` as it is told at `nowMs`: while it fires it ends when it has not been told again for four intervals. */
export function toPostable(
  alert: Alert | EndedAlert,
  nowMs: number,
  resendIntervalMs: number,
): PostableAlert {
  const endsAtMs = 'endsAtMs' in alert ? alert.endsAtMs : nowMs + INTERVALS_UNTIL_OVER * resendIntervalMs;
  return {
    labels: alert.labels,
    annotations: alert.annotations,
    startsAt: new Date(alert.startsAtMs).toISOString(),
    endsAt: new Date(Math.max(alert.startsAtMs, endsAtMs)).toISOString(),
    generatorURL: alert.link,
  };
}
