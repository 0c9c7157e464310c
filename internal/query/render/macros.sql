-- The meaning that Flink, Spark and MySQL give to operations, where DuckDB's
-- own differs. One macro a statement; macros.go puts CREATE OR REPLACE MACRO in
-- front. A macro must stand behind those it uses. Arguments are substituted, so
-- what stands twice is computed twice unless the optimizer sees it.

-- Integers wrap around as in Java. x is wider than the result.
tarn_i8(x) AS CAST(xor(x & 255, 128) - 128 AS TINYINT);
tarn_i16(x) AS CAST(xor(x & 65535, 32768) - 32768 AS SMALLINT);
tarn_i32(x) AS CAST(xor(x & 4294967295, 2147483648) - 2147483648 AS INTEGER);
tarn_i64(x) AS CAST(xor(CAST(x AS HUGEINT) & 18446744073709551615, 9223372036854775808) - 9223372036854775808 AS BIGINT);
tarn_low64(x) AS tarn_i64(x);
tarn_f_i32(x) AS CASE WHEN isnan(x) THEN 0 WHEN x >= 2147483647 THEN 2147483647 WHEN x <= -2147483648 THEN -2147483648 ELSE CAST(trunc(x) AS INTEGER) END;
tarn_f_i64(x) AS CASE WHEN isnan(x) THEN 0 WHEN x >= 9223372036854775807 THEN 9223372036854775807 WHEN x <= -9223372036854775808 THEN CAST('-9223372036854775808' AS BIGINT) ELSE CAST(trunc(x) AS BIGINT) END;

-- Division.
tarn_nonzero(b) AS CASE WHEN b = 0 THEN error('division by zero') ELSE b END;
tarn_div_any(a, b) AS a // CASE WHEN b = 0 AND typeof(b) NOT IN ('DOUBLE', 'FLOAT') AND typeof(a) NOT IN ('DOUBLE', 'FLOAT') THEN error('division by zero') ELSE b END;
tarn_fmod(a, b) AS fmod(a, b);
tarn_quot(n, d) AS (n // d) + CASE WHEN abs(n % d) >= abs(d) - abs(n % d) THEN CASE WHEN (n < 0) = (d < 0) THEN 1 ELSE -1 END ELSE 0 END;
tarn_fit(n, lim) AS CASE WHEN abs(n) < lim THEN n END;
tarn_digits(n, s) AS lpad(CAST(abs(n) AS VARCHAR), CAST(greatest(s + 1, length(CAST(abs(n) AS VARCHAR))) AS INTEGER), '0');
tarn_point(n, s) AS CASE WHEN n < 0 THEN '-' ELSE '' END || left(tarn_digits(n, s), -s) || '.' || right(tarn_digits(n, s), s);
tarn_sum_any(x) AS x;
tarn_sum_fit(x, lim) AS CASE WHEN x BETWEEN -lim AND lim THEN x END;

-- Casts of text. Blanks around are taken off; an integer's fraction is cut off.
tarn_checked(x, s, what) AS CASE WHEN x IS NULL AND s IS NOT NULL THEN error('cannot cast ''' || s || ''' to ' || what) ELSE x END;
tarn_int_text(s) AS CASE WHEN regexp_full_match(trim(s), '[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)') THEN regexp_replace(regexp_replace(trim(s), '\..*', ''), '^([+-]?)$', '\10') END;
tarn_float_text(s) AS CASE WHEN regexp_full_match(trim(s), '[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?|NaN|Infinity)') THEN regexp_replace(trim(s), '([0-9.])[dDfF]$', '\1') END;
tarn_strict_int_text(s) AS CASE WHEN regexp_full_match(trim(s), '[+-]?[0-9]+') THEN trim(s) END;
tarn_decimal_text(s) AS CASE WHEN regexp_full_match(s, '\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*') THEN regexp_replace(s, '^\s+|\s+$', '', 'g') END;
-- Flink counts the 0 of '0.5' as a digit, which DECIMAL(p, p) has no room for.
tarn_fraction_text(s) AS CASE WHEN regexp_matches(s, '^\s*[+-]?(\.|0+\s*$)') THEN tarn_decimal_text(s) END;
tarn_spark_float_text(s) AS CASE WHEN regexp_full_match(trim(s), '[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?|(?i:nan|infinity|inf))') THEN regexp_replace(trim(s), '([0-9.])[dDfF]$', '\1') END;
tarn_bool(s) AS CASE WHEN lower(trim(s)) IN ('true', 't', '1', 'yes', 'y') THEN TRUE WHEN lower(trim(s)) IN ('false', 'f', '0', 'no', 'n') THEN FALSE END;
tarn_pad_date(s) AS regexp_replace(regexp_replace(regexp_replace(s, '^([0-9]{4})$', '\1-01-01'), '^([0-9]{4}-[0-9]{1,2})$', '\1-01'), '[ T].*$', '');
tarn_flink_date(s) AS CASE WHEN regexp_full_match(trim(s), '[0-9]{1,4}(-[0-9]{1,2}(-[0-9]{1,2}( .*)?)?)?') THEN TRY_CAST(tarn_pad_date(trim(s)) AS DATE) END;
tarn_spark_date(s) AS CASE WHEN regexp_full_match(trim(s), '[0-9]{4,7}(-[0-9]{1,2}(-[0-9]{1,2}([ T].*)?)?)?') THEN TRY_CAST(tarn_pad_date(trim(s)) AS DATE) END;
-- Flink takes a day up to 31 that the month has not for the last day of the month.
tarn_last_day_stamp(s) AS CASE WHEN regexp_matches(s, '^[0-9]+-[0-9]+-(29|30|31)( |$)') THEN last_day(TRY_CAST(regexp_replace(s, '^([0-9]+-[0-9]+)-.*$', '\1-01') AS DATE)) + TRY_CAST(coalesce(nullif(regexp_extract(s, ' (.*)$', 1), ''), '00:00:00') AS TIME) END;
tarn_flink_stamp(s) AS CASE WHEN regexp_full_match(s, '[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}:[0-9]{1,2}(\.[0-9]{1,9})?)?') THEN coalesce(TRY_CAST(regexp_replace(s, '(\.[0-9]{6})[0-9]+$', '\1') AS TIMESTAMP), tarn_last_day_stamp(regexp_replace(s, '(\.[0-9]{6})[0-9]+$', '\1'))) END;
tarn_stamp_fill(s) AS regexp_replace(regexp_replace(regexp_replace(trim(s), '^([0-9]{4})$', '\1-01-01'), '^([0-9]{4}-[0-9]{1,2})$', '\1-01'), '(\.[0-9]{6})[0-9]+', '\1');
tarn_spark_stamptz(s) AS CASE WHEN regexp_full_match(trim(s), '[0-9]{4,6}(-[0-9]{1,2}(-[0-9]{1,2}([ T].*)?)?)?') THEN TRY_CAST(tarn_stamp_fill(s) AS TIMESTAMPTZ) END;
tarn_spark_stamp(s) AS CASE WHEN regexp_full_match(trim(s), '[0-9]{4,6}(-[0-9]{1,2}(-[0-9]{1,2}([ T].*)?)?)?') THEN TRY_CAST(regexp_replace(tarn_stamp_fill(s), '(:[0-9.]+) ?(Z|UTC|[+-][0-9:]+)$', '\1') AS TIMESTAMP) END;
tarn_flink_stamptz(s) AS CAST(tarn_flink_stamp(s) AS TIMESTAMPTZ);
tarn_cut(ts, unit) AS make_timestamp(CAST(epoch_us(ts) - epoch_us(ts) % CAST(unit AS BIGINT) AS BIGINT));
tarn_micros_ltz(n) AS CAST(timezone('UTC', make_timestamp(n)) AS TIMESTAMPTZ);

-- Numbers as Java prints them: 1.0E10, 1.0E-5.
tarn_java_exp(m, e) AS CASE WHEN contains(m, '.') THEN m ELSE m || '.0' END || 'E' || CAST(e AS VARCHAR);
tarn_sci(x) AS printf('%.16e', x);
tarn_java_float(x) AS CASE WHEN isnan(x) THEN 'NaN' WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END WHEN x = 0 OR (abs(x) >= 0.001 AND abs(x) < 10000000) THEN tarn_plain_float(CAST(x AS VARCHAR)) ELSE tarn_java_sci(CAST(x AS VARCHAR)) END;
tarn_plain_float(s) AS CASE WHEN contains(s, 'e') THEN rtrim(CAST(CAST(s AS DECIMAL(38, 20)) AS VARCHAR), '0') ELSE s END;
tarn_sci_digits(s) AS ltrim(replace(regexp_replace(ltrim(s, '-'), 'e.*$', ''), '.', ''), '0');
tarn_sci_point(s) AS length(regexp_extract(ltrim(s, '-'), '^[0-9]*')) + coalesce(TRY_CAST(nullif(regexp_extract(s, 'e([+-]?[0-9]+)$', 1), '') AS INTEGER), 0) - (length(replace(regexp_replace(ltrim(s, '-'), 'e.*$', ''), '.', '')) - length(tarn_sci_digits(s)));
tarn_java_sci(s) AS CASE WHEN starts_with(s, '-') THEN '-' ELSE '' END || left(tarn_sci_digits(s), 1) || '.' || coalesce(nullif(rtrim(substring(tarn_sci_digits(s), 2), '0'), ''), '0') || 'E' || CAST(tarn_sci_point(s) - 1 AS VARCHAR);

-- Mathematics where DuckDB raises errors and IEEE has an answer.
tarn_sqrt(x) AS CASE WHEN x < 0 THEN CAST('NaN' AS DOUBLE) ELSE sqrt(x) END;
tarn_ln(x) AS CASE WHEN x > 0 OR isnan(x) THEN ln(x) WHEN x = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN x < 0 THEN CAST('NaN' AS DOUBLE) END;
tarn_log10(x) AS CASE WHEN x > 0 OR isnan(x) THEN log10(x) WHEN x = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN x < 0 THEN CAST('NaN' AS DOUBLE) END;
tarn_log2(x) AS CASE WHEN x > 0 OR isnan(x) THEN log2(x) WHEN x = 0 THEN CAST('-Infinity' AS DOUBLE) WHEN x < 0 THEN CAST('NaN' AS DOUBLE) END;
tarn_pow(x, y) AS pow(x, y);
tarn_asin(x) AS CASE WHEN abs(x) > 1 THEN CAST('NaN' AS DOUBLE) ELSE asin(x) END;
tarn_acos(x) AS CASE WHEN abs(x) > 1 THEN CAST('NaN' AS DOUBLE) ELSE acos(x) END;
tarn_bin(x) AS bin(x);
tarn_hex_int(x) AS hex(x);
tarn_round_int(x, n) AS CASE WHEN n >= 0 THEN x WHEN n < -37 THEN 0 ELSE tarn_quot(x, CAST(pow(CAST(10 AS DOUBLE), -n) AS HUGEINT)) * CAST(pow(CAST(10 AS DOUBLE), -n) AS HUGEINT) END;
tarn_round_float(x, n) AS CASE WHEN isnan(x) OR isinf(x) THEN x WHEN abs(x) < 1e15 AND n BETWEEN 0 AND 15 THEN round(CAST(CAST(x AS VARCHAR) AS DECIMAL(38, 20)), n)::DOUBLE ELSE round(x, n) END;
tarn_trunc(x, n) AS CASE WHEN n = 0 THEN trunc(x) ELSE trunc(x * pow(CAST(10 AS DOUBLE), n)) / pow(CAST(10 AS DOUBLE), n) END;
tarn_trunc_int(x, n) AS CASE WHEN n >= 0 THEN x ELSE x - x % CAST(pow(CAST(10 AS DOUBLE), -n) AS BIGINT) END;

-- Text.
tarn_blob(x) AS CASE WHEN typeof(x) = 'BLOB' THEN CAST(x AS BLOB) ELSE encode(CAST(x AS VARCHAR)) END;
tarn_text(x) AS decode(x);
tarn_bytes_length(x) AS CAST(octet_length(tarn_blob(x)) AS INTEGER);
tarn_length(x) AS CAST(CASE WHEN typeof(x) = 'BLOB' THEN octet_length(CAST(x AS BLOB)) ELSE length(CAST(x AS VARCHAR)) END AS INTEGER);
tarn_left_bytes(x, n) AS CASE WHEN octet_length(x) <= n THEN x ELSE unhex(left(hex(x), 2 * n)) END;
tarn_sub_start(s, p) AS CASE WHEN p > 0 THEN p WHEN p = 0 THEN 1 ELSE length(s) + p + 1 END;
tarn_substring(s, p, n) AS CASE WHEN n < 0 THEN NULL WHEN tarn_sub_start(s, p) < 1 THEN '' ELSE substring(s, CAST(tarn_sub_start(s, p) AS BIGINT), CAST(n AS BIGINT)) END;
tarn_spark_substring(s, p, n) AS CASE WHEN s IS NULL OR p IS NULL OR n IS NULL THEN NULL WHEN n <= 0 OR tarn_sub_start(s, p) + n <= 1 THEN '' ELSE substring(s, CAST(greatest(tarn_sub_start(s, p), 1) AS BIGINT), CAST(n + least(tarn_sub_start(s, p) - 1, 0) AS BIGINT)) END;
tarn_mysql_substring(s, p, n) AS CASE WHEN s IS NULL OR p IS NULL OR n IS NULL THEN NULL WHEN p = 0 OR n <= 0 OR tarn_sub_start(s, p) < 1 THEN '' ELSE substring(s, CAST(tarn_sub_start(s, p) AS BIGINT), CAST(n AS BIGINT)) END;
tarn_lpad(s, n, p) AS CASE WHEN n < 0 OR p = '' THEN NULL ELSE lpad(s, CAST(n AS INTEGER), p) END;
tarn_rpad(s, n, p) AS CASE WHEN n < 0 OR p = '' THEN NULL ELSE rpad(s, CAST(n AS INTEGER), p) END;
tarn_spark_lpad(s, n, p) AS CASE WHEN n <= 0 THEN CASE WHEN s IS NOT NULL AND p IS NOT NULL THEN '' END WHEN p = '' THEN left(s, n) ELSE lpad(s, CAST(n AS INTEGER), p) END;
tarn_spark_rpad(s, n, p) AS CASE WHEN n <= 0 THEN CASE WHEN s IS NOT NULL AND p IS NOT NULL THEN '' END WHEN p = '' THEN left(s, n) ELSE rpad(s, CAST(n AS INTEGER), p) END;
tarn_locate(sub, s, p) AS CAST(CASE WHEN p < 1 THEN 0 WHEN sub = '' THEN CASE WHEN p <= length(s) + 1 THEN p ELSE 0 END WHEN instr(substring(s, p), sub) = 0 THEN 0 ELSE instr(substring(s, p), sub) + p - 1 END AS INTEGER);
tarn_overlay(s, r, p, n) AS CASE WHEN p < 1 OR p > length(s) THEN s ELSE left(s, p - 1) || r || CASE WHEN n > 0 THEN substring(s, CAST(p + n AS BIGINT)) ELSE '' END END;
tarn_mysql_insert(s, r, p, n) AS CASE WHEN p < 1 OR p > length(s) THEN s WHEN n < 0 THEN left(s, p - 1) || r ELSE left(s, p - 1) || r || substring(s, CAST(p + n AS BIGINT)) END;
tarn_spark_overlay(s, r, p, n) AS tarn_spark_substring(s, 1, p - 1) || r || tarn_spark_substring(s, p + CASE WHEN n < 0 THEN length(r) ELSE n END, 2147483647);
tarn_levenshtein(a, b) AS CAST(CASE WHEN octet_length(encode(a)) = length(a) AND octet_length(encode(b)) = length(b) THEN levenshtein(a, b) WHEN a IS NOT NULL AND b IS NOT NULL THEN error('LEVENSHTEIN is exact for ASCII texts only') END AS INTEGER);
tarn_initcap(s) AS array_to_string(list_transform(regexp_extract_all(s, '[\p{L}\p{N}]+|[^\p{L}\p{N}]+'), lambda w: upper(left(w, 1)) || lower(substring(w, 2))), '');
tarn_spark_initcap(s) AS array_to_string(list_transform(string_split(s, ' '), lambda w: upper(left(w, 1)) || lower(substring(w, 2))), ' ');
tarn_chr(n) AS CASE WHEN n < 0 THEN '' WHEN CAST(n AS BIGINT) % 256 = 0 THEN chr(0) ELSE chr(CAST(CAST(n AS BIGINT) % 256 AS INTEGER)) END;
tarn_split(s, d) AS CASE WHEN s = '' THEN CAST([] AS VARCHAR[]) ELSE string_split(s, d) END;
tarn_split_index(s, d, i) AS CASE WHEN i >= 0 AND s <> '' THEN string_split(s, d)[CAST(i AS INTEGER) + 1] END;
tarn_spark_split(s, d) AS CASE WHEN d = '' THEN string_split(s, '') ELSE string_split_regex(s, d) END;
tarn_split_limit(s, d, n) AS CASE WHEN s IS NULL OR d IS NULL THEN NULL WHEN n <= 0 OR len(string_split_regex(s, d)) <= n THEN string_split_regex(s, d) ELSE list_append(string_split_regex(s, d)[1:n - 1], regexp_replace(s, '^(?s:(.*?' || d || '){' || CAST(n - 1 AS VARCHAR) || '})', '')) END;
tarn_substring_index(s, d, n) AS CASE WHEN d = '' OR n = 0 THEN CASE WHEN s IS NOT NULL THEN '' END WHEN n > 0 THEN array_to_string(string_split(s, d)[1:n], d) ELSE array_to_string(string_split(s, d)[greatest(len(string_split(s, d)) + n + 1, 1):], d) END;
tarn_groups(r) AS regexp_replace(r, '\$([0-9])', '\\\1', 'g');
tarn_regexp_extract(s, p, g) AS CASE WHEN regexp_matches(s, p) THEN CASE CAST(g AS INTEGER) WHEN 0 THEN regexp_extract(s, p, 0) WHEN 1 THEN regexp_extract(s, p, 1) WHEN 2 THEN regexp_extract(s, p, 2) WHEN 3 THEN regexp_extract(s, p, 3) WHEN 4 THEN regexp_extract(s, p, 4) WHEN 5 THEN regexp_extract(s, p, 5) END END;
tarn_spark_extract(s, p, g) AS CASE WHEN s IS NULL OR p IS NULL THEN NULL ELSE coalesce(tarn_regexp_extract(s, p, g), '') END;
tarn_regexp_instr(s, p) AS CAST(CASE WHEN s IS NULL OR p IS NULL THEN NULL WHEN regexp_matches(s, p) THEN instr(s, regexp_extract(s, p)) ELSE 0 END AS INTEGER);
tarn_like(s, p) AS (s LIKE p ESCAPE '\');
tarn_similar(p) AS replace(replace(regexp_replace(p, '([.\\^${}])', '\\\1', 'g'), '%', '.*'), '_', '.');
tarn_encode(s, cs) AS CASE WHEN upper(cs) IN ('UTF-8', 'UTF8', 'US-ASCII', 'ASCII') THEN encode(s) ELSE error('character set ' || cs || ' is not supported') END;
tarn_decode(b, cs) AS CASE WHEN upper(cs) IN ('UTF-8', 'UTF8', 'US-ASCII', 'ASCII') THEN decode(tarn_blob(b)) ELSE error('character set ' || cs || ' is not supported') END;
tarn_unhex(s) AS CASE WHEN regexp_full_match(s, '[0-9a-fA-F]*') THEN unhex(s) END;
tarn_url_encode(s) AS replace(replace(replace(url_encode(s), '%20', '+'), '~', '%7E'), '%2A', '*');
tarn_url_decode(s) AS url_decode(replace(s, '+', ' '));
tarn_parse_query(u, k) AS nullif(regexp_extract(regexp_extract(u, '\?([^#]*)', 1), '(^|&)' || k || '=([^&]*)', 2), '');
tarn_parse_url(u, part) AS CASE part WHEN 'HOST' THEN nullif(regexp_extract(u, '^[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#@]*@)?([^/?#:]*)', 2), '') WHEN 'PROTOCOL' THEN nullif(regexp_extract(u, '^([a-zA-Z][a-zA-Z0-9+.-]*):', 1), '') WHEN 'PATH' THEN CASE WHEN regexp_matches(u, '^[a-zA-Z][a-zA-Z0-9+.-]*://') THEN regexp_extract(u, '^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*([^?#]*)', 1) END WHEN 'QUERY' THEN nullif(regexp_extract(u, '\?([^#]*)', 1), '') WHEN 'REF' THEN nullif(regexp_extract(u, '#(.*)$', 1), '') WHEN 'AUTHORITY' THEN nullif(regexp_extract(u, '^[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#]*)', 1), '') WHEN 'USERINFO' THEN nullif(regexp_extract(u, '^[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#@]*)@', 1), '') WHEN 'FILE' THEN regexp_extract(u, '^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*([^#]*)', 1) END;
tarn_str_to_map(s, a, b) AS map_from_entries(list_transform(string_split_regex(s, a), lambda e: struct_pack(k := string_split_regex(e, b)[1], v := string_split_regex(e, b)[2])));
tarn_format_number(x, d) AS CASE WHEN d >= 0 THEN format('{:,.' || CAST(d AS VARCHAR) || 'f}', CAST(x AS DOUBLE)) END;

-- Arrays and maps.
tarn_flink_at(a, i) AS CASE WHEN i < 1 AND a IS NOT NULL THEN error('array index must be at least 1, not ' || i) ELSE list_extract(a, i) END;
tarn_element_at(a, i) AS CASE WHEN i = 0 THEN error('ELEMENT_AT counts from 1, or from -1 at the end') ELSE list_extract(a, i) END;
tarn_steps(a, b, step) AS list_filter(list_transform(range(0, CAST(len(generate_series(a, b, step)) AS BIGINT) + 2), lambda i: a + step * CAST(i AS INTEGER)), lambda x: x BETWEEN least(a, b) AND greatest(a, b));
tarn_at(a, i) AS CASE WHEN i > 0 THEN list_extract(a, i) END;
tarn_get(a, i) AS CASE WHEN i >= 0 THEN list_extract(a, i + 1) END;
tarn_map(k, v) AS map_from_entries(list_zip(k, v));
tarn_array_position(a, x) AS CAST(CASE WHEN a IS NULL OR x IS NULL THEN NULL ELSE coalesce(list_position(a, x), 0) END AS INTEGER);
tarn_array_contains(a, x) AS CASE WHEN a IS NULL THEN NULL WHEN x IS NULL THEN len(list_filter(a, lambda e: e IS NULL)) > 0 ELSE list_contains(a, x) END;
tarn_spark_contains(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL WHEN list_contains(a, x) THEN TRUE WHEN len(list_filter(a, lambda e: e IS NULL)) > 0 THEN NULL ELSE FALSE END;
tarn_distinct(a) AS list_filter(a, lambda x, i: list_position(a, x) = i);
tarn_array_intersect(a, b) AS list_filter(tarn_distinct(a), lambda x: list_position(b, x) IS NOT NULL);
tarn_array_except(a, b) AS list_filter(tarn_distinct(a), lambda x: list_position(b, x) IS NULL);
tarn_array_remove(a, x) AS list_filter(a, lambda e: e IS DISTINCT FROM x);
tarn_array_join(a, d) AS CASE WHEN a IS NOT NULL THEN coalesce(array_to_string(a, d), '') END;
tarn_array_join3(a, d, n) AS CASE WHEN a IS NOT NULL THEN coalesce(array_to_string(list_transform(a, lambda e: coalesce(CAST(e AS VARCHAR), n)), d), '') END;
tarn_flink_slice(a, s, e) AS CASE WHEN a IS NOT NULL AND s IS NOT NULL AND e IS NOT NULL THEN a[CASE WHEN s < 0 THEN greatest(len(a) + s + 1, 1) WHEN s = 0 THEN 1 ELSE s END : CASE WHEN e < 0 THEN len(a) + e + 1 ELSE e END] END;
tarn_slice(a, s, n) AS CASE WHEN s = 0 THEN error('SLICE counts from 1') WHEN n < 0 THEN error('the length of SLICE must not be negative') WHEN s > 0 THEN a[s:s + n - 1] WHEN len(a) + s < 0 THEN a[1:0] ELSE a[len(a) + s + 1:len(a) + s + n] END;
tarn_array_repeat(x, n) AS list_transform(range(greatest(CAST(n AS BIGINT), 0)), lambda i: x);
tarn_arrays_overlap(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN list_has_any(list_filter(a, lambda x: x IS NOT NULL), b) THEN TRUE WHEN len(a) > 0 AND len(b) > 0 AND (list_position(a, NULL) IS NOT NULL OR list_position(b, NULL) IS NOT NULL) THEN NULL ELSE FALSE END;
tarn_array_insert(a, p, x) AS CASE WHEN p > 0 THEN list_concat(list_resize(a[1:p - 1], p - 1), [x], a[p:]) ELSE list_concat(a[1:len(a) + p + 1], [x], a[len(a) + p + 2:]) END;
tarn_sequence(a, b) AS CASE WHEN a <= b THEN generate_series(a, b) ELSE generate_series(a, b, -1) END;
tarn_any(a) AS CASE WHEN a IS NULL THEN NULL WHEN list_contains(a, TRUE) THEN TRUE WHEN list_position(a, NULL) IS NOT NULL THEN NULL ELSE FALSE END;
tarn_every(a) AS CASE WHEN a IS NULL THEN NULL WHEN list_contains(a, FALSE) THEN FALSE WHEN list_position(a, NULL) IS NOT NULL THEN NULL ELSE TRUE END;
tarn_multiset(h) AS map_from_entries(list_transform(coalesce(map_entries(h), []), lambda e: struct_pack(k := e.key, v := CAST(e.value AS INTEGER))));
tarn_multiset_ones(h) AS map_from_entries(list_transform(coalesce(map_entries(h), []), lambda e: struct_pack(k := e.key, v := CAST(1 AS INTEGER))));
tarn_multiset_list(m) AS flatten(list_transform(map_entries(m), lambda e: list_transform(range(e.value), lambda i: e.key)));

-- Times.
tarn_flink_time(ts) AS CASE WHEN ts < TIMESTAMP '1970-01-01' AND date_trunc('second', ts) <> ts THEN date_trunc('second', ts) + to_seconds(1) ELSE ts END;
-- whole months from a to b: a month has passed when the day of the month and the time are reached again
tarn_months_of(ts) AS year(ts) * 12 + month(ts);
tarn_month_rest(ts) AS (day(ts) - 1) * 86400000000 + epoch_us(ts) - epoch_us(date_trunc('day', ts));
tarn_months_diff(a, b) AS tarn_months_of(b) - tarn_months_of(a) + CASE WHEN b >= a AND tarn_month_rest(b) < tarn_month_rest(a) THEN -1 WHEN b < a AND tarn_month_rest(b) > tarn_month_rest(a) THEN 1 ELSE 0 END;
tarn_window_start(ts, size, off) AS make_timestamp(CAST(epoch_us(ts) - (((epoch_us(ts) - CAST(epoch(off) * 1000000 AS BIGINT)) % CAST(epoch(size) * 1000000 AS BIGINT)) + CAST(epoch(size) * 1000000 AS BIGINT)) % CAST(epoch(size) * 1000000 AS BIGINT) AS BIGINT));
tarn_weekday(w) AS CASE left(upper(w), 2) WHEN 'MO' THEN 1 WHEN 'TU' THEN 2 WHEN 'WE' THEN 3 WHEN 'TH' THEN 4 WHEN 'FR' THEN 5 WHEN 'SA' THEN 6 WHEN 'SU' THEN 7 END;
tarn_next_day(d, w) AS CAST(d + CAST((tarn_weekday(w) - isodow(d) + 6) % 7 + 1 AS INTEGER) AS DATE);
tarn_months_between(a, b) AS CASE WHEN day(a) = day(b) OR (CAST(a AS DATE) = last_day(a) AND CAST(b AS DATE) = last_day(b)) THEN CAST((year(a) - year(b)) * 12 + month(a) - month(b) AS DOUBLE) ELSE round((year(a) - year(b)) * 12 + month(a) - month(b) + ((day(a) - day(b)) * 86400 + floor(epoch(a - date_trunc('day', a))) - floor(epoch(b - date_trunc('day', b)))) / 2678400, 8) END;

-- JSON.
tarn_json_text_of(s) AS CAST(to_json(s) AS VARCHAR);
tarn_json_float(x) AS CASE WHEN isnan(x) OR isinf(x) THEN '"' || tarn_java_float(x) || '"' ELSE tarn_java_float(x) END;
-- a path with * finds many values: none is null, one is itself, more are an array
tarn_json_many(s, p) AS CASE WHEN json_valid(s) THEN tarn_json_found(json_extract(s, p)) END;
tarn_json_found(a) AS CASE len(a) WHEN 0 THEN NULL WHEN 1 THEN a[1] ->> '$' ELSE CAST(to_json(a) AS VARCHAR) END;
tarn_is_json(s) AS CASE WHEN s IS NOT NULL THEN json_valid(s) END;
tarn_json_doc(s) AS CASE WHEN json_valid(s) THEN CAST(s AS JSON) END;
tarn_json_scalar(s, p) AS CASE WHEN json_valid(s) AND json_type(s, p) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(s, p) END;
tarn_json_get(s, p) AS CASE WHEN json_valid(s) THEN CAST(json_extract(s, p) AS VARCHAR) END;
tarn_json_text(s, p) AS CASE WHEN json_valid(s) THEN json_extract_string(s, p) END;
tarn_get_json_object(s, p) AS CASE WHEN json_valid(s) AND starts_with(p, '$') AND json_type(s, p) <> 'NULL' THEN json_extract_string(s, p) END;
tarn_json_unquote(s) AS CASE WHEN json_valid(s) AND json_type(s) = 'VARCHAR' THEN json_extract_string(s, '$') ELSE s END;
