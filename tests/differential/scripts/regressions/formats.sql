-- Base64 with padding in its midst, exponents at the limit, ISO years before the first.

select decode('aa=0', 'base64'), decode('Ab=1a101', 'base64'), decode('1+b0a+=0', 'base64'), decode('0AA1BB=a', 'base64'), decode('BA=0A=B1', 'base64'), decode('bB=0', 'base64'), decode('YWJj', 'base64'), decode('YWI=', 'base64'), decode('YQ==', 'base64'), decode('', 'base64');
select decode('YQ===', 'base64');
select decode('=', 'base64');
select decode('YWI==', 'base64');
select decode('YWI=YWI=', 'base64'), decode('YQ==YQ==', 'base64');
select decode('YWJ', 'base64');
select decode('YWI=YW', 'base64');
select decode('YWI=====', 'base64');
select exp(5999::numeric) > 0;
select exp(6000::numeric) > 0;
select exp(-5999::numeric), exp(-6000::numeric), scale(exp(-5999.123::numeric)), scale(exp(-6000.5::numeric));
select to_char(interval '13 hour', 'IYYY IYY IY I|YYYY YYY YY Y'), to_char(interval '-1 year', 'IYYY IYY IY I|YYYY YYY YY Y'), to_char(interval '1 year', 'IYYY IYY IY I|YYYY YYY YY Y FMIYYY FMIY');
select to_char(timestamp '0001-01-01', 'IYYY IYY IY I|YYYY YYY YY Y'), to_char(timestamp '0001-01-01 BC', 'IYYY IYY IY I|YYYY YYY YY Y'), to_char(timestamp '0002-12-31 BC', 'IYYY IYY IY I|YYYY'), to_char(timestamp '2024-12-30', 'IYYY IYY IY I');
