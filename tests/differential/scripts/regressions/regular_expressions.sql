-- Regular expressions: where a match ends when what follows it matters, which text each group gets among several ways
-- to match, newlines in the newline-sensitive modes.

select regexp_split_to_array(E'_\n11a\n', '\.?|\s\y');
select regexp_matches('ab', 'a?|ab', 'g');
select regexp_match('xab', 'x(a|ab)(c|bcd|b)?'), regexp_match('ab', 'a?|.\y'), regexp_match('ab', 'a?|ab\y'), regexp_match('ab ', 'a|ab\y'), regexp_match('ab', '|.'), regexp_match('a b','\.?|a\y'), regexp_match('a b','\.?|\w\y'), regexp_match(E'\n1','\.?|\s\y'), regexp_match(E'\n1','\.?|\n\y'), regexp_match(E'\n1','\.?|\s'),regexp_match(E' 1','\.?|\s\y'),regexp_match(E' 1','x?|\s\m');
select regexp_match(E'bA\n1 a_bb_', '(?:[^a](\W))', 'm'), regexp_match(E'\na', '\D', 'n'), regexp_match(E'\n a', '[\D]', 'n'), regexp_match(E'\n a', '[^a]', 'n'), regexp_match(E'\n', '\s', 'n'), regexp_match(E'a\n', 'a\S', 'n'), regexp_match(E'\n ', '[^[:alpha:]]', 'n'),  regexp_match(E'\nb', '[^\d]', 'n');
select 1, regexp_match('', '(a*)?'), regexp_match('', '(a*)*'), regexp_match('', '(a*)+'), regexp_match('', '(a*){0,2}'), regexp_match('', '(a*)??'), regexp_match('', '(a*)*?'), regexp_match('', '(a*){0,1}?'), regexp_match('', '(a|b)?'), regexp_match('', '(a|b)*'), regexp_match('','(?:(a*))*');
select 2, regexp_match('aab', '(a*)*b'), regexp_match('aab', '(a*)+b'), regexp_match('aab', '(a|b)*'), regexp_match('aab', '(a*)(a|b)*'), regexp_match('abcd', '(a|ab)(c|bcd)(d*)'), regexp_match('abcd', '(a|ab)(bcd|c)(d*)');
select 3, regexp_match('aaa', '(a+?)(a*)'), regexp_match('aaa', '(a+)(a*?)'), regexp_match('aaa', '(?:a+?)(a*)'), regexp_match('aaab', '(a*?)(a*)b'), regexp_match('foobar', '(foo|foobar)(.*)'), regexp_match('xay', '(x|xa)(ay|y)?');
select 4, regexp_match('abab', '(ab)*'), regexp_match('ababx', '(ab|a|b)*x'), regexp_match('abcabc','(a|ab|c|bc)*'), regexp_match('aaaa', '(a|aa)*'), regexp_match('aaaaa', '(aa|aaa)*'), regexp_match('aaaaa', '(aa|aaa)+?$'), regexp_match('ababab', '(?:(a)|(b))*');
select 5, regexp_match('abcd', '(a)?(ab)?(cd)?'), regexp_match('ab', '(a?)(ab)?(b?)'), regexp_match('aXb', '(a.?)(X?)(b)'), regexp_match('aaab', '(a{1,2})(a{1,2})?b'), regexp_match('aaab','(a{1,2}?)(a{1,2})?b'), regexp_match('b', '(a)?b'), regexp_match('b', '(a*)b'), regexp_match('b', '(a)*b'), regexp_match('b','(a*)*b'), regexp_match('b','(a*)?b');
select 6, regexp_match('abb', '((a)|(b))*'), regexp_match('ab', '((a)|b)*'), regexp_match('aba', '((a)|(b))*'), regexp_match('ab', '(a|(b))+');
select 7, regexp_match('ab', '(?:(a)?|(b))*'), regexp_match('abc', '(.*)(.*)(.*)'), regexp_match('abc', '(.*?)(.*)(.*)'), regexp_match('abc', '(.??)(.+)'), regexp_match('abc','(.+)(.??)'), regexp_match('abc','(b?)(.*?)$'), regexp_match('abc','(.*?)(c|$)');
select regexp_replace('key=value; other = 2', '(\w+)\s*=\s*(\w+)', '\2:\1', 'g'), regexp_matches('a1b22c333', '([a-z])(\d|\d\d|\d\d\d)', 'g'), substring('2024-01-31' from '(\d{4})-(\d\d|\d)');
select '' ~ '\Y', '' ~ '\y', 'a' ~ '\Y', '  ' ~ '\Y', 'ab' ~ '\Y', '' ~ 'a*\Y', '' ~ '\m', '' ~ '\M';
