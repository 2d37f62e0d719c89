import type { HeldFailure } from './holds.ts';
import { isAlone, type Life } from './incident-life.ts';
import type { HoldRule } from './quiet.ts';

/** Why nothing, or what, was announced of a target. */
export interface Held {
  readonly rule:
    | HoldRule['rule']
    | 'not-down'
    | 'monitor-blind'
    | 'behind-parent'
    | 'parent-back'
    | 'settling'
    | 'part-of-incident'
    | 'announced';
  /** One sentence. */
  readonly why: string;
}

/** The rule that holds of a target, the strongest first. `life`: the open incident that its failure is part of. */
export function explainHold(target: {
  readonly isBlind: boolean;
  readonly isDown: boolean;
  readonly failure: HeldFailure | undefined;
  readonly life: Life | undefined;
}): Held {
  const { isBlind, isDown, failure, life } = target;
  if (isBlind) {
    return { rule: 'monitor-blind', why: 'The monitor itself cannot see: nothing is said of any target.' };
  }
  if (!isDown) return { rule: 'not-down', why: 'It is not confirmed down.' };
  const { held, parent, graceUntilMs } = failure ?? {};
  if (parent !== undefined) return { rule: 'behind-parent', why: `It hangs on ${parent}, which is down.` };
  if (graceUntilMs !== undefined) {
    return { rule: 'parent-back', why: 'What it hangs on has just come back: it is checked again first.' };
  }
  if (life !== undefined) {
    const { id, title } = life.incident;
    return isAlone(life)
      ? { rule: 'announced', why: `It was announced as incident ${id}: ${title}.` }
      : { rule: 'part-of-incident', why: `It is part of incident ${id}: ${title}.` };
  }
  if (held !== undefined) return { rule: held.rule, why: held.why };
  return { rule: 'settling', why: 'It has just failed: whether others share it is looked at first.' };
}
