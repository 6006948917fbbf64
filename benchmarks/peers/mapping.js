// Forty fields of an order, as a Node-RED function node makes them: the same as `by_hand` of benchmarks/forty.py.
const order = msg.payload;
const customer = order.customer || {};
const shipping = order.shipping_address || {};
const billing = order.billing_address || {};
const orNull = value => value === undefined ? null : value;
msg.payload = {
  id: `shopify-${order.id}`,
  number: order.name,
  order_number: order.order_number,
  channel_order_id: String(order.id),
  source: orNull(order.source_name),
  test: orNull(order.test),
  placed_at: order.created_at,
  paid_at: orNull(order.processed_at),
  updated_at: order.updated_at,
  cancelled_at: orNull(order.cancelled_at),
  currency: order.currency,
  total: order.total_price,
  subtotal: order.subtotal_price,
  discount_total: order.total_discounts,
  tax_total: order.total_tax,
  taxes_included: order.taxes_included,
  payment_status: order.financial_status,
  is_paid: order.financial_status === 'paid',
  payment_method: (order.payment_gateway_names || [])[0] || 'unknown',
  fulfillment_status: order.fulfillment_status || 'unfulfilled',
  customer_id: String(customer.id),
  customer_name: `${customer.first_name} ${customer.last_name}`,
  customer_email: orNull(order.email || order.contact_email || customer.email),
  customer_phone: orNull(order.phone || customer.phone || shipping.phone),
  customer_verified: orNull(customer.verified_email),
  marketing: orNull((customer.email_marketing_consent || {}).state),
  locale: orNull(order.customer_locale),
  ship_name: orNull(shipping.name),
  ship_line1: orNull(shipping.address1),
  ship_line2: orNull(shipping.address2),
  ship_zip: orNull(shipping.zip),
  ship_city: orNull(shipping.city),
  ship_country: orNull(shipping.country_code),
  bill_name: orNull(billing.name),
  bill_zip: orNull(billing.zip),
  bill_country: orNull(billing.country_code),
  lines: order.line_items.map(line => ({
    id: String(line.id), sku: orNull(line.sku), title: line.title,
    quantity: line.quantity, price: line.price, grams: orNull(line.grams),
  })),
  skus: order.line_items.map(line => line.sku).filter(sku => sku !== undefined && sku !== null),
  taxes: order.tax_lines.map(tax => ({title: tax.title, rate: orNull(tax.rate), amount: tax.price})),
  codes: order.discount_codes.map(discount => discount.code),
};
msg.headers = {'content-type': 'application/json'};
return msg;
