import { fnv1a } from '../../lib/hash.ts';
import type { PeerSilence, SilenceDraft } from './peer.ts';
import { type Condition, translateConditions } from './silence-matchers.ts';

/** A silence or maintenance of ours that is to hold in Alertmanager, too. Times: epoch ms, UTC. */
export interface QuietSpan {
  readonly kind: 'silence' | 'maintenance';
  readonly id: string;
  readonly selector: string;
  /** What the selector says. */
  readonly conditions: readonly Condition[];
  readonly startsAtMs: number;
  readonly endsAtMs: number;
  readonly by: string;
  readonly comment: string;
}

/** A span as it is to stand in Alertmanager. */
export interface WantedSilence {
  /** Found in the comment of what was created for it; another when what it is about has changed. */
  readonly marker: string;
  readonly draft: SilenceDraft;
  /** In what Alertmanager silences less than was asked for. */
  readonly narrowed: readonly string[];
}

/** What Alertmanager calls whoever creates our silences. Before it stands the name of the person. */
const CREATOR = 'via Kassavakt';

/** `span` for Alertmanager; `why`: it cannot be said there. `instance`: what tells this monitor's silences from another's. */
export function toWanted(
  span: QuietSpan,
  instance: string,
): { readonly wanted: WantedSilence } | { readonly why: string } {
  const { kind, id, selector, conditions, startsAtMs, endsAtMs, by, comment } = span;
  const translated = translateConditions(conditions);
  if (!translated.ok) return { why: translated.error };
  const { matchers, narrowed } = translated.value;
  const content = fnv1a(JSON.stringify([selector, endsAtMs, by, comment])).toString(36);
  const marker = `[kassavakt ${instance} ${kind} ${encodeURIComponent(id)} ${content}]`;
  const remarks = [comment, `Selector: ${selector}.`, ...narrowed.map((each) => `Note: ${each}.`), marker];
  return {
    wanted: {
      marker,
      narrowed,
      draft: {
        matchers,
        startsAtMs,
        endsAtMs,
        createdBy: `${by} ${CREATOR}`,
        comment: remarks.filter((each) => each !== '').join(' '),
      },
    },
  };
}

/** What one Alertmanager has; `silences` undefined: it does not say. */
export interface PeerView {
  readonly url: string;
  readonly silences: readonly PeerSilence[] | undefined;
}

export interface SilencePlan {
  readonly create: readonly { readonly url: string; readonly wanted: WantedSilence }[];
  readonly end: readonly { readonly url: string; readonly id: string }[];
  /** Something is still to be done when the Alertmanagers have told each other of what was done now. */
  readonly isUnfinished: boolean;
}

/** So long after a silence was created the Alertmanagers of a cluster have it from each other. Unit: ms. */
export const GOSSIP_MS = 5_000;

/**
 * What to do so that each Alertmanager has each of `wanted` once, and no other silence of this monitor's. What one
 * Alertmanager has, its cluster has a moment later: a silence is created on one, and on another only when it has not
 * come there by itself. One that somebody ended there stays ended. `createdAtMs`: when this monitor created which marker.
 */
export function planSilences(
  wanted: readonly WantedSilence[],
  peers: readonly PeerView[],
  createdAtMs: ReadonlyMap<string, number>,
  { instance, nowMs }: { readonly instance: string; readonly nowMs: number },
): SilencePlan {
  const create: { url: string; wanted: WantedSilence }[] = [];
  const end: { url: string; id: string }[] = [];
  let isUnfinished = peers.some(({ silences }) => silences === undefined);
  const own = peers.map(({ url, silences }) => ({
    url,
    isKnown: silences !== undefined,
    byMarker: Map.groupBy(silences ?? [], (silence) => markerOf(silence, instance)),
  }));
  for (const each of wanted) {
    const missing = own.find(({ isKnown, byMarker }) => isKnown && !byMarker.has(each.marker));
    if (missing === undefined) continue;
    isUnfinished = true;
    const sinceMs = nowMs - (createdAtMs.get(each.marker) ?? Number.NEGATIVE_INFINITY);
    if (sinceMs < 0 || sinceMs >= GOSSIP_MS) create.push({ url: missing.url, wanted: each });
  }
  const markers = new Set(wanted.map(({ marker }) => marker));
  for (const { url, byMarker } of own) {
    for (const [marker, silences] of byMarker) {
      if (marker === undefined) continue;
      const alive = silences.filter(({ isOver }) => !isOver).sort((a, b) => (a.id < b.id ? -1 : 1));
      const [kept] = markers.has(marker) ? alive : [];
      for (const { id } of alive) if (id !== kept?.id) end.push({ url, id });
    }
  }
  return { create, end, isUnfinished: isUnfinished || end.length > 0 };
}

/** Undefined: it is not of this monitor. */
function markerOf({ createdBy, comment }: PeerSilence, instance: string): string | undefined {
  if (!createdBy.endsWith(CREATOR)) return undefined;
  const marker = /\[kassavakt [^\]]*\]$/.exec(comment)?.[0];
  return marker?.startsWith(`[kassavakt ${instance} `) === true ? marker : undefined;
}
