import type { Channel, Notifier, NotifierContext } from './notifier.ts';

/** A channel as it is configured. */
interface ConfiguredChannel extends Pick<NotifierContext, 'language' | 'timezone'> {
  readonly name: string;
  /** Name of a registered notifier. */
  readonly type: string;
  /** Checked against the notifier's own options. */
  readonly options: unknown;
}

/** Opens `channel` with the notifier of its type; throws as that one's `open` does. */
export function openChannel(
  { name, type, language, timezone, options }: ConfiguredChannel,
  notifiers: ReadonlyMap<string, Notifier>,
  surroundings: Pick<NotifierContext, 'clock' | 'baseDir' | 'externalUrl'>,
): Promise<Channel> {
  const notifier = notifiers.get(type);
  if (notifier === undefined) throw new Error(`the settings name a notifier that is not registered: ${type}`);
  return notifier.open(options, { channel: name, language, timezone, ...surroundings });
}
