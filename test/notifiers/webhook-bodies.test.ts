import { describe, expect, test } from '@jest/globals';
import { digestOf, noticeOf, OPENED_MS, TEST_NOTICE } from './notices.ts';
import { useWebhooks } from './webhook-fixture.ts';

const { write, open, receive } = useWebhooks();

describe('A webhook’s body', () => {
  test('is our JSON, in the channel’s language', async () => {
    const { headers, body, method } = await receive({}, noticeOf('opened'), { language: 'sv' });
    expect(method).toBe('POST');
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({
      version: 1,
      type: 'kassavakt.opened',
      key: 'lqg1x0-1a2b3c/opened/17/ops',
      change: 'opened',
      timestamp: '2023-12-22T13:09:00.000Z',
      channel: 'ops',
      language: 'sv',
      title: 'Kunder kan inte betala med kort hos Solhaga, 22 butiker',
      summary:
        'Kunder kan inte betala med kort hos Solhaga. 22 butiker är drabbade. Alla 180 kortterminaler är nere. Det började fredag 22 december kl. 14:04 CET. Vanligaste orsak: de svarar inte på anslutningsförsök.',
      severity: 'critical',
      links: { monitor: 'https://kassavakt.example.test/' },
      incident: {
        id: 'lqg1x0-1a2b3c',
        scope: [{ chain: 'Solhaga' }],
        title: 'All 180 card terminals of Solhaga are down, 22 stores',
        severity: 'critical',
        state: 'open',
        openedAt: '2023-12-22T13:04:00.000Z',
        targetsDown: 180,
        targetsInScope: 180,
        kinds: ['terminal'],
        storesAffected: 22,
        reason: 'connect-timeout',
        confidence: 0.99,
        evidence: 'mostly they do not answer connection attempts; customers cannot pay by card.',
        methodsLost: ['card'],
        chain: 'Solhaga',
        url: 'https://kassavakt.example.test/api/v1/incidents/lqg1x0-1a2b3c',
      },
    });
  });

  test('has the end, the place and who has taken it on', async () => {
    const changes = {
      acknowledgement: {
        by: 'Anna',
        comment: 'på väg',
        atMs: OPENED_MS,
        expiresAtMs: OPENED_MS,
        sticky: false,
      },
    };
    const place = { store: 'S003', storeName: 'Solhaga Karlstad', region: 'Värmland' };
    const { body } = await receive({}, noticeOf('resolved', changes, place));
    expect(JSON.parse(body)).toMatchObject({
      incident: {
        state: 'resolved',
        resolvedAt: '2023-12-22T13:09:00.000Z',
        ...place,
        acknowledgement: { by: 'Anna', comment: 'på väg', at: '2023-12-22T13:04:00.000Z', sticky: false },
      },
    });
  });

  test('of a digest has all incidents up to a hundred, and says how many there are', async () => {
    const { body } = await receive({}, digestOf(130));
    const read = JSON.parse(body);
    expect(read).toMatchObject({
      change: 'digest',
      incidentsInAll: 130,
      title: '130 incidents have changed, 130 critical',
    });
    expect(read.incidents).toHaveLength(100);
    expect(read.incident).toBeUndefined();
  });

  test('of a test is about no incident', async () => {
    const read = JSON.parse((await receive({}, TEST_NOTICE)).body);
    expect(read).toMatchObject({ change: 'test', title: 'Test message from Kassavakt' });
    expect(Object.keys(read)).not.toContain('incident');
  });
});

describe('A webhook’s template', () => {
  test('fills in JSON so that it stays JSON, whatever names hold', async () => {
    const template =
      '{"from":"Kassavakt","text":"{{ title }}","where":["{{incident.storeName}}"],"n":{"a":{"b":1}}}';
    const storeName = 'Kött & "Bröd" \\ {{ title }}\n2';
    const { body, headers } = await receive({ template }, noticeOf('opened', {}, { store: 'S1', storeName }));
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toEqual({
      from: 'Kassavakt',
      text: 'Customers cannot pay by card at Solhaga, 22 stores',
      where: [storeName],
      n: { a: { b: 1 } },
    });
  });

  test('fills in a form, as gateways of text messages take it', async () => {
    const options = {
      template: 'from=Kassavakt&to=%2B46700000000&message={{ title }}',
      content_type: 'application/x-www-form-urlencoded',
      basic_auth: { username: 'u1', password_file: write('password', 'p&1\n') },
      method: 'PUT',
    };
    const { body, headers, method } = await receive(options, noticeOf('opened'), { language: 'nb' });
    expect(method).toBe('PUT');
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      from: 'Kassavakt',
      to: '+46700000000',
      message: 'Kunder kan ikke betale med kort hos Solhaga, 22 butikker',
    });
    expect(headers.authorization).toBe(`Basic ${Buffer.from('u1:p&1').toString('base64')}`);
  });

  test.each([
    { type: 'text/plain; charset=utf-8', says: `A & B's <shop>` },
    { type: 'application/xml', says: 'A &#38; B&#39;s &#60;shop&#62;' },
    { type: 'application/activity+json', says: `A & B's <shop>` },
  ])('escapes for $type', async ({ type, says }) => {
    const isJson = type.includes('json');
    const template = isJson ? '"{{ incident.storeName }}"' : '{{ incident.storeName }}';
    const place = { store: 'S1', storeName: `A & B's <shop>` };
    const options = { template_file: write('template', template), content_type: type };
    const { body } = await receive(options, noticeOf('opened', {}, place));
    expect(isJson ? JSON.parse(body) : body).toBe(says);
  });

  test('is empty where there is no incident to tell of', async () => {
    const template =
      '"{{incident.id}}{{incident.targetsDown}}{{incident.openedAt}}{{severity}}|{{changeText}}"';
    expect(JSON.parse((await receive({ template }, TEST_NOTICE)).body)).toBe('|Test');
    expect(JSON.parse((await receive({ template }, digestOf(2))).body)).toBe('critical|Several');
  });

  test.each([
    {
      template: '{"a": "{{ titel }}"}',
      says: /template: {{ titel }} names no field; the fields are key, .*title/,
    },
    { template: '{"a": "{{ title }"}', says: /template: a {{ is not closed/ },
    {
      template: '{"a": {{ incident.targetsDown }}}',
      says: /template does not come to JSON: put every {{ field }}/,
    },
  ])('is refused with what to change: $template', async ({ template, says }) => {
    await expect(open({ url: 'http://127.0.0.1:9', template })).rejects.toThrow(says);
  });
});

describe('A webhook’s preset', () => {
  const evil = '<!channel> *A* & [B](http://evil.test) `c`';
  const bad = noticeOf('opened', { scope: [{ store: 'S1' }] }, { store: 'S1', storeName: evil });

  test('slack: blocks within its limits in which names mean nothing', async () => {
    const read = JSON.parse((await receive({ preset: 'slack' }, bad)).body);
    expect(read.text).toBe(
      ':red_circle: Customers cannot pay by card in &lt;!channel&gt; *A* &amp; [B](http://evil.test) `c`, 22 stores',
    );
    const [header, section, facts, context] = read.blocks;
    expect(header).toMatchObject({ type: 'header', text: { type: 'plain_text' } });
    expect(section).toMatchObject({ type: 'section', text: { type: 'plain_text' } });
    expect(facts.fields.length).toBeLessThanOrEqual(10);
    expect(facts.fields[0]).toEqual({ type: 'plain_text', text: 'Severity: Critical', emoji: false });
    expect(context.elements[0]).toEqual({
      type: 'mrkdwn',
      text: '<https://kassavakt.example.test/|Open the monitor>',
    });
    const long = noticeOf(
      'opened',
      { scope: [{ store: 'S1' }] },
      { store: 'S1', storeName: 'å'.repeat(9_000) },
    );
    for (const block of JSON.parse((await receive({ preset: 'slack' }, long)).body).blocks) {
      const limit = block.type === 'header' ? 150 : 3_000;
      expect(block.text?.text.length ?? 1).toBeLessThanOrEqual(limit);
      expect(block.text?.text.length ?? 1).toBeGreaterThan(0);
    }
  });

  test('teams: an adaptive card in the envelope of a workflow', async () => {
    const read = JSON.parse((await receive({ preset: 'teams' }, bad, { language: 'sv' })).body);
    expect(read).toMatchObject({
      type: 'message',
      attachments: [
        {
          contentType: 'application/vnd.microsoft.card.adaptive',
          content: {
            type: 'AdaptiveCard',
            version: '1.4',
            lang: 'sv',
            actions: [
              {
                type: 'Action.OpenUrl',
                title: 'Öppna övervakningen',
                url: 'https://kassavakt.example.test/',
              },
            ],
          },
        },
      ],
    });
    const { body } = read.attachments[0].content;
    // Only TextBlock reads Markdown.
    expect(new Set(body.map(({ type }: { type: string }) => type))).toEqual(new Set(['RichTextBlock']));
    expect(body[0].inlines[0]).toMatchObject({ type: 'TextRun', color: 'Attention' });
    const [many] = JSON.parse((await receive({ preset: 'teams' }, digestOf(500))).body).attachments;
    expect(JSON.stringify(many).length).toBeLessThan(28 * 1_024);
    expect(JSON.stringify(many)).toContain('and 480 more');
  });

  test('mattermost: an attachment in which Markdown loses its meaning', async () => {
    const [attachment] = JSON.parse((await receive({ preset: 'mattermost' }, bad)).body).attachments;
    expect(attachment).toMatchObject({ color: '#B3261E', title_link: 'https://kassavakt.example.test/' });
    const where = attachment.fields.find(({ title }: { title: string }) => title === 'Where');
    expect(where.value).toBe('In \\<\\!channel\\> \\*A\\* & \\[B\\](http://evil.test) \\`c\\`');
  });

  test('ntfy: JSON to the root of the server, with the topic of the address', async () => {
    const { path, body } = await receive({ preset: 'ntfy' }, noticeOf('opened'), {}, '/push/kassavakt-9f2');
    expect(path).toBe('/push/');
    expect(JSON.parse(body)).toEqual({
      topic: 'kassavakt-9f2',
      title: 'Customers cannot pay by card at Solhaga, 22 stores',
      message:
        '22 stores are affected. All 180 card terminals are down. It began on Friday 22 December at 14:04 CET. Most common cause: they do not answer connection attempts.',
      priority: 5,
      tags: ['rotating_light'],
      click: 'https://kassavakt.example.test/',
    });
    const over = JSON.parse((await receive({ preset: 'ntfy' }, noticeOf('resolved'), {}, '/t')).body);
    expect(over).toMatchObject({ topic: 't', priority: 3, tags: ['white_check_mark'] });
  });

  test('ntfy needs a topic in its address', async () => {
    await expect(open({ preset: 'ntfy', url: 'https://ntfy.example.test/' })).rejects.toThrow(
      'channel ops: the address of preset ntfy ends with its topic, as in https://ntfy.sh/TOPIC',
    );
  });

  test.each(['slack', 'teams', 'mattermost', 'ntfy'])('%s tells a test and a digest, too', async (preset) => {
    expect((await receive({ preset }, TEST_NOTICE, {}, '/topic')).body).toContain('this is a test');
    expect((await receive({ preset }, digestOf(3), {}, '/topic')).body).toContain('3 incidents have changed');
  });
});
