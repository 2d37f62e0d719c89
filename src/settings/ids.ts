const LONGEST_ID = 200;

/** Why `id` cannot be an identity; undefined when it can. */
export function refuseId(
  what: 'store' | 'target' | 'maintenance',
  id: string | undefined,
): string | undefined {
  if (id === undefined || id === '') return `the id of a ${what} must not be empty`;
  if (id.length > LONGEST_ID)
    return `the id of a ${what} is ${id.length} characters long; the most is ${LONGEST_ID}`;
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(id))
    return `the id ${JSON.stringify(id)} has a line break or tab in it; remove it`;
  return undefined;
}
