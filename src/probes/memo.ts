/** So many addresses are remembered at most: a few hundred bytes each, and twice the largest estate. */
const MAX_REMEMBERED = 200_000;

/** Remembers what `make` made of a text. Bounded: when it is full it forgets everything and begins anew. */
export class Memo<Value> {
  private readonly made = new Map<string, Value>();
  private readonly make: (text: string) => Value;

  constructor(make: (text: string) => Value) {
    this.make = make;
  }

  of(text: string): Value {
    let value = this.made.get(text);
    if (value === undefined) {
      value = this.make(text);
      if (this.made.size >= MAX_REMEMBERED) this.made.clear();
      this.made.set(text, value);
    }
    return value;
  }
}
